import { hash } from 'node:crypto'

/**
 * A strong ETag of 128 bits, the same that `strongEtag` of the shared package gives for these parts, at once: a hash of
 * a few hundred bytes takes microseconds, and the way to another thread and back a hundred times that.
 */
export function etagOf(...parts: readonly string[]): string {
  return `"${hash('sha256', parts.join('\n'), 'hex').slice(0, 32)}"`
}
