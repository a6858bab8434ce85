import { expect, it } from 'vitest'
import type { CostRender } from './cost.ts'
import { predictAnimationClip, predictPreview, predictSheet, predictVideoClip } from './video-cost.ts'

const MIB = 1024 * 1024
const RENDER: CostRender = {
  width: 480,
  height: 270,
  format: 'webp',
  quality: 80,
  frames: 60,
  encodes: 1,
  blur: 0,
  sharpened: false,
  buffered: false,
  flattened: false,
}
const FULL_HD = { codec: 'hevc', width: 1920, height: 1080 }

it('a preview with a byte limit is encoded several times', () => {
  const preview = (encodes: number) =>
    predictPreview({ coded: FULL_HD, frames: 60, decodedSize: RENDER, render: { ...RENDER, encodes } })
  const [once, often] = [preview(1), preview(6)]
  expect(often.cpuSeconds - once.cpuSeconds).toBeGreaterThan(0.5 * once.cpuSeconds)
  expect(often.memoryBytes).toBeGreaterThan(once.memoryBytes)
})

it('a sprite sheet needs memory for its concurrent frames and for itself', () => {
  const video = { width: 3840, height: 2160 }
  const sheet = (held: number) =>
    predictSheet({
      video,
      decodedSize: video,
      frames: 50,
      held,
      render: { ...RENDER, width: 9640, height: 2710, frames: 1 },
    }).memoryBytes
  const frameBytes = video.width * video.height * 4
  expect(sheet(4) - sheet(1)).toBe(3 * frameBytes)
  expect(sheet(100) - sheet(1)).toBe(49 * frameBytes)
  expect(sheet(1)).toBeGreaterThan(9640 * 2710 * 4 + 100 * MIB)
})

it('a clip of an HDR video needs time and memory for tone mapping, and a high bit rate needs time', () => {
  const [sdr, hdr, detailed] = [
    { toneMaps: false, codedBytes: MIB },
    { toneMaps: true, codedBytes: MIB },
    { toneMaps: false, codedBytes: 10 * MIB },
  ].map((source) =>
    predictVideoClip({
      format: 'mp4',
      seconds: 10,
      coded: FULL_HD,
      size: FULL_HD,
      sourceRate: 30,
      frameRate: 30,
      ...source,
    }),
  )
  expect(hdr?.cpuSeconds).toBeGreaterThan(1.5 * (sdr?.cpuSeconds ?? 0))
  expect((hdr?.memoryBytes ?? 0) - (sdr?.memoryBytes ?? 0)).toBeGreaterThan(3 * 12 * 1920 * 1080)
  expect((detailed?.cpuSeconds ?? 0) - (sdr?.cpuSeconds ?? 0)).toBeGreaterThan(1)
})

it('a clip of H.264 is predicted to take less time than one of a codec that is slower to decode', () => {
  const [h264, hevc, unknown] = ['h264', 'hevc', undefined].map(
    (codec) =>
      predictVideoClip({
        format: 'mp4',
        seconds: 60,
        coded: { codec, width: 3840, height: 2160 },
        codedBytes: 0,
        toneMaps: false,
        sourceRate: 60,
        frameRate: 30,
        size: { width: 1280, height: 720 },
      }).cpuSeconds,
  )
  expect(h264).toBeLessThan(0.6 * (hevc ?? 0))
  expect(unknown).toBe(hevc)
})

it('a clip of a thousand small frames of an animated PNG needs seconds to compose them, and of a GIF it does not', () => {
  const size = { width: 64, height: 64 }
  const frames = { held: 1000, decoded: 1000, encoded: 1000 }
  const secondsOf = (format: 'png' | 'gif') =>
    predictAnimationClip({ format: 'mp4', source: { ...size, format }, size, frames }).cpuSeconds
  expect(secondsOf('png') - secondsOf('gif')).toBeCloseTo(3)
})
