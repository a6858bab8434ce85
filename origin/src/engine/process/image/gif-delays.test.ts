import { expect, it } from 'vitest'
import { inHundredths } from './gif-delays.ts'

function delaysOf(delay: number[]): readonly number[] | undefined {
  return inHundredths({ loop: 0, delay }).delay
}

it.each([
  { what: 'hundredths', delay: [20, 50, 1000], rounded: [20, 50, 1000] },
  { what: 'thirtieths', delay: [33, 33, 33, 33, 33, 33], rounded: [30, 40, 30, 30, 40, 30] },
  { what: 'delays that browsers replace', delay: [0, 10, 5, 40], rounded: [0, 10, 5, 40] },
  { what: 'delays between 10 and 20 ms', delay: [11, 12, 14, 19], rounded: [20, 20, 20, 20] },
  {
    what: 'a long frame after short ones',
    delay: [16, 16, 16, 16, 16, 500],
    rounded: [20, 20, 20, 20, 20, 480],
  },
])('$what are rounded without drift', ({ delay, rounded }) => {
  expect(delaysOf(delay)).toEqual(rounded)
})

it('a thousand frames of any delay end at the right time', () => {
  for (let delay = 20; delay < 120; delay += 1) {
    const rounded = delaysOf(Array(1000).fill(delay)) ?? []
    expect(rounded.reduce((sum, one) => sum + one)).toBe(delay * 1000)
  }
})

it('an animation without delays keeps none', () => {
  expect(inHundredths({ loop: 3 })).toEqual({ loop: 3 })
})
