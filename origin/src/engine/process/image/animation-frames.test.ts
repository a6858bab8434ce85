import { expect, it } from 'vitest'
import { shownMilliseconds } from '../pixels/delays.ts'
import { frameAt } from './animation-frames.ts'

it.each([
  [undefined, 100],
  [0, 100],
  [10, 100],
  [11, 11],
  // Sixty frames per second.
  [16, 16],
  [20, 20],
  [70_000, 70_000],
])('shows a frame of %j ms for %i, as Chromium does', (delay, shown) => {
  expect(shownMilliseconds(delay)).toBe(shown)
})

it.each([
  [-1, 0],
  [0, 0],
  [0.099, 0],
  [0.1, 1],
  [5, 1],
])('shows at %f seconds the frame %i', (seconds, frame) => {
  expect(frameAt([0, 0.1, 0.3], seconds)).toBe(frame)
})
