import { vi } from 'vitest'
import { scaleTimeout } from './timeouts.ts'

/**
 * Polls until the answer is true. An exception of `ask` is passed on. It is for conditions without an event,
 * such as the state of another process, and also works outside a test, where `expect.poll` does not.
 */
export async function until(ask: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  await vi.waitUntil(ask, { interval: 2, timeout: scaleTimeout(limitMs) })
}
