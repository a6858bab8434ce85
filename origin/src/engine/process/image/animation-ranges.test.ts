import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { encodeApng } from '../formats/png/apng-encode.ts'
import type { Strip } from '../pixels/strip.ts'
import { readInfo } from './inspect.ts'
import type { Render } from './render.ts'
import { animationStrip, type FrameRange } from './render-animation.ts'

const [WIDTH, HEIGHT, FRAMES] = [24, 16, 6]
const DELAYS = [50, 60, 70, 80, 90, 100]

/** Frames of different greys with a red square that moves down. */
function drawing(): Strip {
  const data = Buffer.alloc(WIDTH * HEIGHT * 4 * FRAMES)
  for (let frame = 0; frame < FRAMES; frame += 1) {
    for (let y = 0; y < HEIGHT; y += 1) {
      for (let x = 0; x < WIDTH; x += 1) {
        const isSquare = x < 8 && y >= frame * 2 && y < frame * 2 + 4
        const at = ((frame * HEIGHT + y) * WIDTH + x) * 4
        data.set(isSquare ? [255, 0, 0, 255] : [40 * frame, 40 * frame, 40 * frame, 255], at)
      }
    }
  }
  return { data, width: WIDTH, height: HEIGHT, timing: { loop: 0, delay: [...DELAYS] } }
}

function opened() {
  const raw = { width: WIDTH, height: HEIGHT * FRAMES, channels: 4, pageHeight: HEIGHT } as const
  return sharp(drawing().data, { raw })
}

const animated = { delay: [...DELAYS], loop: 0 }
const FILES = {
  gif: () => opened().gif(animated).toBuffer(),
  webp: () =>
    opened()
      .webp({ ...animated, lossless: true })
      .toBuffer(),
  'webp on its side': () =>
    opened()
      .withMetadata({ orientation: 6 })
      .webp({ ...animated, lossless: true })
      .toBuffer(),
  'animated png': async () => encodeApng(drawing()),
}
const PLAIN = { width: 12, height: 8, mode: 'exact', gravity: 'centre' } as const
const CROPPED = { width: 8, height: 8, mode: 'cover', gravity: 'attention' } as const

describe.each(Object.keys(FILES) as (keyof typeof FILES)[])('a range of frames of a %s', (name) => {
  async function frames(plan: Render['plan'], range?: FrameRange): Promise<Strip> {
    const file = await FILES[name]()
    const bytes = Buffer.from(file instanceof Uint8Array ? file : Buffer.alloc(0))
    const info = await readInfo(bytes, name.endsWith('png') ? 'png' : name.startsWith('gif') ? 'gif' : 'webp')
    if (isFailure(info)) throw new Error(info.detail)
    const strip = await animationStrip(
      bytes,
      info,
      { plan, format: 'png', quality: 80, animated: true },
      range,
    )
    if (isFailure(strip)) throw new Error(strip.detail)
    return strip
  }

  it.each([
    ['scaled', PLAIN],
    ['cropped to the point of interest of the first frame', CROPPED],
  ] as const)('has the pixels and delays of these frames: %s', async (_, plan) => {
    const whole = await frames(plan)
    const frameBytes = plan.width * plan.height * 4
    expect(whole.timing.delay).toEqual(DELAYS)
    for (const { from, to } of [
      { from: 0, to: 2 },
      { from: 2, to: 5 },
      { from: 5, to: 6 },
    ]) {
      const part = await frames(plan, { from, to })
      expect(part.timing.delay).toEqual(DELAYS.slice(from, to))
      expect(part.data.length).toBe((to - from) * frameBytes)
      // Sharp scales the frames as one tall image, so the rows at the ends of a range differ by a few levels.
      expect(meanDifference(part.data, whole.data.subarray(from * frameBytes))).toBeLessThan(1)
    }
  })
})

function meanDifference(part: Uint8Array, whole: Uint8Array): number {
  return part.reduce((sum, level, at) => sum + Math.abs(level - (whole[at] ?? 0)), 0) / part.length
}
