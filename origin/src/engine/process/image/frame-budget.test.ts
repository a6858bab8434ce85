import { describe, expect, it } from 'vitest'
import { affordableDecodes, reachableFrames } from './frame-budget.ts'

describe('the selected frames of an animation', () => {
  it.each([
    [[10, 30, 50, 70, 90], 1000, [10, 30, 50, 70, 90]],
    [[10, 30, 50, 70, 90], 255, [10, 30, 50, 70, 90]],
    [[10, 30, 50, 70, 90], 254, [30, 70]],
    [[10, 30, 50, 70, 90], 101, [70]],
    [[10, 30, 50, 70, 90], 70, [69]],
    [[10], 1, [0]],
    [[], 5, []],
  ])('%j are limited by %i decodes to %j', (wanted, decodes, reached) => {
    expect(reachableFrames(wanted, decodes)).toEqual(reached)
  })

  it('are limited by their decoded bytes, and are at least one', () => {
    const info = { width: 1000, height: 1000, bands: 4, bytesPerSample: 1 }
    expect(affordableDecodes(info, { decodedBytes: 512 * 2 ** 20 })).toBe(536)
    expect(affordableDecodes(info, { decodedBytes: 1024 })).toBe(1)
  })
})
