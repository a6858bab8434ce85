import { expect, it } from 'vitest'
import { createDelayRounding, shownMilliseconds } from './delays.ts'

it.each([
  ['sixtieths of a second', 1000 / 60, [17, 16, 17, 17, 16, 17]],
  ['whole milliseconds', 40, [40, 40, 40, 40, 40, 40]],
  ['the shortest delay that is not replaced', 11, [11, 11, 11, 11, 11, 11]],
  ['a delay that is replaced', 10.6, [10, 10, 10, 10, 10, 10]],
])('%s are rounded without drift', (_, exactMs, rounded) => {
  expect(Array<number>(6).fill(exactMs).map(createDelayRounding())).toEqual(rounded)
})

it('no delay becomes one that browsers replace', () => {
  const delays = [...Array<number>(5).fill(11.4), 200].map(createDelayRounding())
  expect(delays.filter((delay) => shownMilliseconds(delay) === 100)).toEqual([])
  expect(delays.reduce((sum, delay) => sum + delay)).toBe(257)
})
