import { vi } from 'vitest'
import { patient } from './patience.ts'

/**
 * Asks until the answer is yes; what is thrown meanwhile is thrown on. For what tells of no event, such as another
 * process, and also outside of a test, where `expect.poll` may not be.
 */
export async function until(ask: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  await vi.waitUntil(ask, { interval: 2, timeout: patient(limitMs) })
}
