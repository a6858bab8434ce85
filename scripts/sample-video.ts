/** Makes a short video and an audio file for a new store. They are generated, like the images. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { findFfmpeg } from '@media-proxy/origin/engine/ffmpeg-binary.ts'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { encodeVideo, type RawVideo } from './encode-video.ts'

const WIDTH_PIXELS = 640
const HEIGHT_PIXELS = 360
const FRAMES_PER_SECOND = 12
const SECONDS = 4

/**
 * Returns an MP4 video of a day over hills, with a chime. All
 * its frames differ. Undefined when it cannot be encoded.
 */
export async function dayVideo(): Promise<Uint8Array | undefined> {
  const libav = await loadLibav()
  try {
    return await (libav === undefined ? encodeWithFfmpeg() : encodeVideo(libav, day(), 'mp4'))
  } catch (error) {
    // Without an H.264 encoder the store has no sample video, and the rest of the service works.
    console.warn(
      `The sample video could not be made: ${error instanceof Error ? error.message : String(error)}`,
    )
    return undefined
  } finally {
    libav?.pool.close()
  }
}

function day(): RawVideo {
  return {
    width: WIDTH_PIXELS,
    height: HEIGHT_PIXELS,
    framesPerSecond: FRAMES_PER_SECOND,
    frames: frames(),
    audio: { samples: notes(), rateHz: SAMPLE_RATE_HZ },
  }
}

/** Used when libav has no build for this platform. */
async function encodeWithFfmpeg(): Promise<Uint8Array | undefined> {
  const ffmpeg = findFfmpeg(process.env)
  // The origin reports at its start that FFmpeg is missing.
  if (ffmpeg === undefined) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-sample-'))
  try {
    const [audio, path] = [join(folder, 'chime.wav'), join(folder, 'day.mp4')]
    await writeFile(audio, chime())
    const size = `${WIDTH_PIXELS}x${HEIGHT_PIXELS}`
    const input = [
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgb24',
      '-s',
      size,
      '-r',
      String(FRAMES_PER_SECOND),
      '-i',
      '-',
    ]
    const codec = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-g', '24', '-pix_fmt', 'yuv420p']
    const args = [...input, '-i', audio, ...codec, '-c:a', 'aac', '-movflags', '+faststart', path]
    const child = spawn(ffmpeg, ['-hide_banner', '-loglevel', 'error', ...args], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = once(child, 'exit')
    const [[code]] = await Promise.all([ended, pipeline(Readable.from(frames()), child.stdin)])
    return code === 0 ? await readFile(path) : undefined
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function* frames(): AsyncGenerator<Buffer> {
  const total = FRAMES_PER_SECOND * SECONDS
  for (let index = 0; index < total; index += 1) {
    const svg = Buffer.from(hour(index / total))
    yield await sharp(svg).removeAlpha().raw().toBuffer()
  }
}

/** Draws a frame. `progress` goes from 0, sunrise, to 1, sunset. */
function hour(progress: number): string {
  const height = Math.sin(Math.PI * progress)
  const mix = (low: number, high: number) => Math.round(low + (high - low) * height)
  const sky = `rgb(${mix(38, 120)},${mix(40, 180)},${mix(92, 240)})`
  const horizon = `rgb(${mix(240, 225)},${mix(150, 238)},${mix(110, 250)})`
  const hills = `rgb(${mix(16, 46)},${mix(36, 110)},${mix(48, 92)})`
  const x = 40 + progress * 560
  const y = 260 - height * 190
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH_PIXELS}" height="${HEIGHT_PIXELS}">
    <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="${sky}"/><stop offset="1" stop-color="${horizon}"/></linearGradient></defs>
    <rect width="640" height="360" fill="url(#sky)"/><circle cx="${x}" cy="${y}" r="34" fill="#fff3b0"/>
    <path d="M0 270 L140 150 L260 260 L390 170 L640 300 V360 H0 Z" fill="${hills}"/>
    <path d="M0 310 Q160 270 320 310 T640 300 V360 H0 Z" fill="rgb(${mix(8, 26)},${mix(26, 84)},${mix(32, 62)})"/></svg>`
}

const SAMPLE_RATE_HZ = 22_050
const NOTES_HZ = [523.25, 659.25, 783.99, 1046.5]
const NOTE_SECONDS = 0.45

/** Returns four fading notes as WAV. */
export function chime(): Uint8Array {
  const samples = notes()
  const bytes = Buffer.alloc(44 + samples.length * 2)
  bytes.write('RIFF', 0)
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  // PCM, one channel, 16 bits.
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(SAMPLE_RATE_HZ, 24)
  bytes.writeUInt32LE(SAMPLE_RATE_HZ * 2, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(samples.length * 2, 40)
  for (const [at, value] of samples.entries()) bytes.writeInt16LE(Math.round(value * 0x7fff), 44 + at * 2)
  return bytes
}

/** Returns the samples, from -1 to 1. */
function notes(): Float32Array {
  const perNote = Math.round(SAMPLE_RATE_HZ * NOTE_SECONDS)
  return Float32Array.from({ length: perNote * NOTES_HZ.length }, (_, at) => {
    const seconds = (at % perNote) / SAMPLE_RATE_HZ
    const pitch = NOTES_HZ[Math.floor(at / perNote)] ?? 0
    return Math.sin(2 * Math.PI * pitch * seconds) * Math.exp(-6 * seconds) * 0.5
  })
}
