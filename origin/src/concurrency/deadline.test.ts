import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { startDeadline } from './deadline.ts'
import { abortFailure } from './wait.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('aborts at its timeout, with the deadline as its reason', () => {
  const { signal } = startDeadline(new AbortController().signal, 1000)
  vi.advanceTimersByTime(999)
  expect(signal.aborted).toBe(false)
  vi.advanceTimersByTime(1)
  expect(abortFailure(signal).code).toBe('deadline')
})

it('aborts together with its caller, for the same reason, and at once if the caller has already aborted', () => {
  const caller = new AbortController()
  const { signal } = startDeadline(caller.signal, 1000)
  caller.abort('gone')
  expect(signal.reason).toBe('gone')
  expect(startDeadline(caller.signal, 1000).signal.reason).toBe('gone')
})

it('removes its listeners, and never aborts, after its work has ended', () => {
  const caller = new AbortController()
  const removed = vi.spyOn(caller.signal, 'removeEventListener')
  let signal: AbortSignal
  {
    using deadline = startDeadline(caller.signal, 1000)
    signal = deadline.signal
  }
  expect(vi.getTimerCount()).toBe(0)
  expect(removed).toHaveBeenCalled()
  caller.abort()
  expect(signal.aborted).toBe(false)
})
