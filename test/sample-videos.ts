/** Small videos that the tests encode with libav in their own process, for use without FFmpeg. */

import type { Libav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { encodeVideo } from '@media-proxy/scripts/encode-video.ts'

export const VIDEO_WIDTH = 160
export const VIDEO_HEIGHT = 96
const FRAMES_PER_SECOND = 25
const AUDIO_HZ = 22_050

/** The colour of each second, red, green and blue. It shows which second a still is from. */
export const SECOND_COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
] as const

/** Makes an MP4 of H.264 and AAC: the three seconds, each white in its upper left quarter. */
export function secondsMp4(libav: Libav): Promise<Buffer> {
  const samples = Float32Array.from(
    { length: AUDIO_HZ * SECOND_COLOURS.length },
    (_, at) => Math.sin(at / 8) / 2,
  )
  return encodeVideo(libav, { ...shape(3), audio: { samples, rateHz: AUDIO_HZ } }, 'mp4')
}

/** Makes a WebM of VP9: the three seconds, transparent in their upper left quarter. */
export function transparentWebm(libav: Libav): Promise<Buffer> {
  return encodeVideo(libav, shape(4), 'webm')
}

function shape(channels: 3 | 4) {
  const size = { width: VIDEO_WIDTH, height: VIDEO_HEIGHT, framesPerSecond: FRAMES_PER_SECOND }
  return { ...size, frames: frames(channels) }
}

function* frames(channels: 3 | 4): Generator<Buffer> {
  for (const colour of SECOND_COLOURS) {
    const frame = frameOf(colour, channels)
    for (let shown = 0; shown < FRAMES_PER_SECOND; shown += 1) yield frame
  }
}

function frameOf(colour: readonly number[], channels: 3 | 4): Buffer {
  const pixels = Buffer.alloc(VIDEO_WIDTH * VIDEO_HEIGHT * channels)
  for (let pixel = 0; pixel < VIDEO_WIDTH * VIDEO_HEIGHT; pixel += 1) {
    const inCorner = pixel % VIDEO_WIDTH < VIDEO_WIDTH / 2 && pixel < (VIDEO_WIDTH * VIDEO_HEIGHT) / 2
    const rgb = inCorner && channels === 3 ? [255, 255, 255] : colour
    pixels.set(channels === 3 ? rgb : [...rgb, inCorner ? 0 : 255], pixel * channels)
  }
  return pixels
}
