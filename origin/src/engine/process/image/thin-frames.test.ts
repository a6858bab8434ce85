import { describe, expect, it } from 'vitest'
import { thinFrames } from './thin-frames.ts'

/** Creates an animation of one-pixel frames, each of which contains its index. */
function strip(delay: readonly number[]) {
  const data = Uint8Array.from({ length: 4 * delay.length }, (_, at) => at >> 2)
  return { data, width: 1, height: 1, timing: { loop: 3, delay: [...delay] } }
}

describe('an animation with a lower frame rate', () => {
  it.each([
    ['ten frames per second to five', Array(10).fill(100), 5, [0, 2, 4, 6, 8], [200, 200, 200, 200, 200]],
    [
      'ten frames per second to nine',
      Array(10).fill(100),
      9,
      [0, 2, 3, 4, 5, 6, 7, 8, 9],
      [200, ...Array(8).fill(100)],
    ],
    [
      'a GIF of fifteen frames per second',
      [60, 70, 70, 60, 70, 70],
      15,
      [0, 1, 2, 3, 4, 5],
      [60, 70, 70, 60, 70, 70],
    ],
    ['a burst between pauses', [1000, 20, 20, 20, 1000], 10, [0, 4], [1060, 1000]],
    ['a brief frame before a long one', [20, 1000, 100], 5, [1, 2], [1020, 100]],
    ['frames that browsers show for a tenth of a second', [0, 10, 0, 0], 5, [0, 2], [200, 200]],
    ['one that ends before its second frame is needed', [40, 40, 40], 1, [0], [120]],
  ])('keeps its duration: %s', (_, delay, fps, frames, times) => {
    const { data, timing } = thinFrames(strip(delay), fps)
    expect([...data].filter((_, at) => at % 4 === 0)).toEqual(frames)
    expect(timing).toEqual({ loop: 3, delay: times })
  })

  it('is unchanged when it has no more frames than requested', () => {
    const slow = strip([0, 100, 250])
    expect(thinFrames(slow, 10)).toBe(slow)
    expect(thinFrames(slow, undefined)).toBe(slow)
  })
})
