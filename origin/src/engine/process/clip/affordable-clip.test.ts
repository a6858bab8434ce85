import { expect, it } from 'vitest'
import { affordableClip, type ClipScale } from './affordable-clip.ts'

const FULL: ClipScale = { size: { width: 1920, height: 1080 }, frameRate: undefined }
const SLOWER: ClipScale = { ...FULL, frameRate: 30 }
const SMALLER: ClipScale = { size: { width: 1280, height: 720 }, frameRate: 30 }
const CHOICES = { scales: [FULL, SLOWER, SMALLER], seconds: 60, mayShorten: true } as const

/** A clip takes four, three or two seconds per second. */
const costOf = (scale: ClipScale, seconds: number) => ({
  memoryBytes: 0,
  cpuSeconds: seconds * (scale === FULL ? 4 : scale === SLOWER ? 3 : 2),
})
const within = (cpuSeconds: number, mayShorten = true) =>
  affordableClip({ ...CHOICES, mayShorten }, costOf, { memoryBytes: 0, cpuSeconds })

it.each([
  [240, FULL],
  [239, SLOWER],
  [180, SLOWER],
  [179, SMALLER],
  [120, SMALLER],
] as const)('a clip has the best scale that fits %d seconds', (cpuSeconds, scale) => {
  expect(within(cpuSeconds)).toEqual({ scale, seconds: 60 })
})

it('a clip that takes too long at the smallest scale is shorter, unless its duration was requested', () => {
  expect(within(100)).toEqual({ scale: SMALLER, seconds: 50 })
  expect(within(100, false)).toEqual({ scale: SMALLER, seconds: 60 })
})

it('a clip is not shortened to less than ten seconds', () => {
  expect(within(20)).toEqual({ scale: SMALLER, seconds: 10 })
  expect(within(19)).toEqual({ scale: SMALLER, seconds: 60 })
})

it('a shortened clip is within the allowance also when a part of its cost does not depend on its duration', () => {
  const withStart = (scale: ClipScale, seconds: number) => ({
    memoryBytes: 0,
    cpuSeconds: 3 + costOf(scale, seconds).cpuSeconds,
  })
  const { seconds } = affordableClip(CHOICES, withStart, { memoryBytes: 0, cpuSeconds: 62 })
  expect(seconds).toBe(29)
})
