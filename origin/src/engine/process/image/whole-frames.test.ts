import { expect, it } from 'vitest'
import { countWholeFrames } from './whole-frames.ts'

/**
 * Returns the counted frames of an animation with a broken frame, and the number of frames decoded for it.
 */
async function count(frames: number, broken: number, decodes: number) {
  let decoded = 0
  const decodesFrame = async (frame: number) => {
    decoded += Math.min(frame, broken) + 1
    return frame < broken
  }
  return { whole: await countWholeFrames(decodesFrame, { from: 0, to: frames, decodes }), decoded }
}

it('counts the frames before the first broken one, wherever it is', async () => {
  for (let broken = 1; broken < 50; broken += 1) expect((await count(50, broken, 500)).whole).toBe(broken)
})

it('stops at the allowed decodes, with fewer frames than there are', async () => {
  const { whole, decoded } = await count(1000, 999, 2000)
  expect(decoded).toBeLessThan(3000)
  expect(whole).toBeGreaterThan(800)
  expect(whole).toBeLessThan(999)
})
