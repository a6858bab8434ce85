import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createLogOutput, type LogOutputOptions } from './log-output.ts'

type Done = Parameters<LogOutputOptions['write']>[1]

function opened(sometimesFull = false) {
  const writes: { readonly text: string; readonly bytes: Uint8Array; readonly done: Done }[] = []
  const sync: string[] = []
  const output = createLogOutput({
    write: (bytes, done) => writes.push({ text: String(bytes), bytes, done }),
    writeSync: (bytes) => {
      if (sometimesFull && sync.length === 0) {
        sync.push('')
        throw Object.assign(new Error('full'), { code: 'EAGAIN' })
      }
      sync.push(String(bytes))
      return bytes.length
    },
    droppedLine: (count) => `${count} dropped\n`,
  })
  const texts = () => writes.map(({ text }) => text)
  const finish = (code?: string, written?: number) => {
    const last = writes.at(-1)
    const error = code === undefined ? null : Object.assign(new Error(code), { code })
    last?.done(error, written ?? last.bytes.length)
  }
  return { output, texts, sync, finish }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('writes the lines of ten milliseconds together, in their order', () => {
  const { output, texts, finish } = opened()
  output.write('one\n')
  output.write('two\n')
  vi.advanceTimersByTime(9)
  expect(texts()).toEqual([])
  output.write('three\n')
  vi.advanceTimersByTime(1)
  expect(texts()).toEqual(['one\ntwo\nthree\n'])
  finish()
  output.write('four\n')
  vi.advanceTimersByTime(10)
  expect(texts()).toEqual(['one\ntwo\nthree\n', 'four\n'])
})

it('writes fatal lines at once, and nothing twice', () => {
  const { output, texts, sync } = opened()
  output.write('the last word\n')
  output.flushSync()
  vi.advanceTimersByTime(10)
  expect([sync, texts()]).toEqual([['the last word\n'], []])
})

it('writes fatal lines also when a non-blocking pipe is full at first', () => {
  const { output, sync } = opened(true)
  output.write('the last word\n')
  output.flushSync()
  expect(sync).toEqual(['', 'the last word\n'])
})

it('writes the rest of a partial write before the next lines', () => {
  const { output, texts, finish } = opened()
  output.write('one\n')
  vi.advanceTimersByTime(10)
  output.write('two\n')
  finish(undefined, 1)
  expect(texts().at(-1)).toBe('ne\n')
  finish()
  expect(texts().at(-1)).toBe('two\n')
})

it('drops lines beyond its limit while the reader is stalled, and reports how many', async () => {
  const { output, texts, sync, finish } = opened()
  output.write('first\n')
  vi.advanceTimersByTime(10)
  for (let line = 0; line < 20; line += 1) output.write(`${'x'.repeat(1024 * 1024)}\n`)
  const flushed = output.flushed()
  expect(output.isStalled()).toBe(false)
  await vi.advanceTimersByTimeAsync(1100)
  await flushed
  expect(output.isStalled()).toBe(true)
  output.flushSync()
  expect(sync).toEqual([])
  finish()
  expect(texts().at(-1)?.length).toBeLessThan(8.1 * 1024 * 1024)
  expect(texts().at(-1)?.endsWith('\n13 dropped\n')).toBe(true)
  finish()
  expect(output.isStalled()).toBe(false)
})

it('survives a full disk, and reports the dropped lines once there is space', () => {
  const { output, texts, finish } = opened()
  output.write('one\n')
  output.write('two\n')
  vi.advanceTimersByTime(10)
  for (let attempt = 0; attempt < 3; attempt += 1) {
    finish('ENOSPC')
    output.write('more\n')
    vi.advanceTimersByTime(500)
  }
  expect(texts().at(-1)).toBe('more\n4 dropped\n')
  finish()
  expect(texts()).toHaveLength(4)
})

it('tries again when the reader of a non-blocking pipe is slow', () => {
  const { output, texts, finish } = opened()
  output.write('one\n')
  vi.advanceTimersByTime(10)
  finish('EAGAIN')
  output.write('two\n')
  vi.advanceTimersByTime(500)
  expect(texts()).toEqual(['one\n', 'one\n'])
  finish()
  expect(texts().at(-1)).toBe('two\n')
})

it('writes nothing more when its reader is gone', async () => {
  const { output, texts, finish } = opened()
  output.write('one\n')
  vi.advanceTimersByTime(10)
  finish('EPIPE')
  output.write('two\n')
  vi.advanceTimersByTime(10_000)
  await output.flushed()
  expect(texts()).toEqual(['one\n'])
})
