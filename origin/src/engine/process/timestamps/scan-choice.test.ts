import { describe, expect, it } from 'vitest'
import { coarseFirst, scanCount } from './scan-choice.ts'

describe('the number of scanned frames', () => {
  it.each([
    [0, 5],
    [59, 5],
    [60, 5],
    [60.04, 6],
    [120, 6],
    [121, 7],
    [480, 12],
    [481, 12],
    [36_000, 12],
  ])('of %d seconds is %d', (seconds, frames) => {
    expect(scanCount(seconds, 12)).toBe(frames)
  })

  it('is limited by the configuration', () => {
    expect([scanCount(10, 3), scanCount(600, 3), scanCount(600, 30)]).toEqual([3, 3, 14])
  })
})

describe('the order of scanned frames', () => {
  it.each([
    [0, []],
    [1, [0]],
    [2, [1, 0]],
    [5, [2, 1, 4, 0, 3]],
    [12, [6, 3, 9, 1, 5, 8, 11, 0, 2, 4, 7, 10]],
  ])('of %d has distant ones first', (count, ordered) => {
    expect(coarseFirst(Array.from({ length: count }, (_, index) => index))).toEqual(ordered)
  })
})
