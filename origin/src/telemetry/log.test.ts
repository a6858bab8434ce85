import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { batchLines } from './log.ts'

function kept() {
  const written: string[] = []
  let flushes = 0
  const lines = batchLines({
    write: (text) => written.push(text),
    flushSync: () => {
      flushes += 1
    },
  })
  return { lines, written, flushes: () => flushes }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('writes the lines of ten milliseconds together, in their order', () => {
  const { lines, written } = kept()
  lines.write('one\n')
  lines.write('two\n')
  vi.advanceTimersByTime(9)
  expect(written).toEqual([])
  lines.write('three\n')
  vi.advanceTimersByTime(1)
  expect(written).toEqual(['one\ntwo\nthree\n'])
  lines.write('four\n')
  vi.advanceTimersByTime(10)
  expect(written).toEqual(['one\ntwo\nthree\n', 'four\n'])
})

it('writes fatal lines at once, and nothing twice', () => {
  const { lines, written, flushes } = kept()
  lines.write('the last word\n')
  lines.flushSync()
  expect([written, flushes()]).toEqual([['the last word\n'], 1])
  vi.advanceTimersByTime(10)
  expect(written).toEqual(['the last word\n'])
})
