import { createHash } from 'node:crypto'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { isWhole, type Source } from './source.ts'

/**
 * Computes the SHA-256 of all bytes of a source, in lower-case hex. The bytes are taken from memory when they
 * are there, and streamed otherwise. The stream is cancelled when `signal` fires; the result is then of no use.
 */
export async function contentHash(source: Source, signal?: AbortSignal): Promise<string | Failure> {
  const hash = createHash('sha256')
  if (isWhole(source)) return hash.update(source.bytes).digest('hex')
  const body = await source.parts.stream()
  if (isFailure(body)) return body
  for await (const chunk of body) {
    hash.update(chunk)
    if (signal?.aborted) break
  }
  return hash.digest('hex')
}
