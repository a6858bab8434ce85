/** Reads the bounded JSON bodies of the internal endpoints (contract, section 6). */

import { readBody } from '@media-proxy/shared/request/read-body.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type * as z from 'zod'
import { startDeadline } from '../concurrency/deadline.ts'
import { waitFor } from '../concurrency/wait.ts'
import { discardRequest } from '../streams/discard-request.ts'
import type { Exchange } from './exchange.ts'

/**
 * The maximum depth and number of values of a body. Each value costs memory, and deep nesting costs stack
 * when the value is walked recursively.
 */
const MAX_DEPTH = 64
const MAX_VALUES = 10_000

/**
 * Reads a JSON body and checks it against a schema. Fails with `source-too-large`, `upload-too-slow`,
 * `bad-json` or `bad-field`.
 */
export async function readJsonBody<T>(
  exchange: Exchange,
  schema: z.ZodType<T>,
  maxBytes: number,
): Promise<T | Failure> {
  const bytes = await readInternalBody(exchange, maxBytes)
  if (isFailure(bytes)) return bytes
  if (!isShallow(bytes)) return fail('bad-json', 'too deep or too many values')
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    return fail('bad-json', error instanceof Error ? error.name : undefined)
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  return fail(
    'bad-field',
    parsed.error.issues
      .map(({ path }) => path.join('.'))
      .join(', ')
      .slice(0, 200),
  )
}

/** The longest time that the body of an internal request may take, in milliseconds. */
const MAX_BODY_MS = 30_000

/** Reads a body up to a limit. Fails with `source-too-large` or `upload-too-slow`. */
export async function readInternalBody(
  exchange: Exchange,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | Failure> {
  const declared = Number(exchange.headers.get('content-length') ?? 0)
  if (declared > maxBytes) {
    await discardRequest(exchange)
    return fail('source-too-large', `${declared} bytes of body`)
  }
  using deadline = startDeadline(exchange.signal, MAX_BODY_MS)
  const read = await waitFor(readBody(exchange.body ?? [], maxBytes), deadline.signal)
  return isFailure(read) && read.code === 'deadline'
    ? fail('upload-too-slow', `no complete body within ${MAX_BODY_MS} ms`)
    : read
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d])
const COMMA = 0x2c

/**
 * Whether depth and number of values are within the limits. They are counted before parsing, because 48 MB of
 * brackets would become gigabytes of arrays.
 */
function isShallow(json: Uint8Array): boolean {
  let depth = 0
  let values = 0
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0
    if (byte === QUOTE) {
      at = endOfString(json, at)
    } else if (OPENING.has(byte)) {
      depth += 1
      values += 1
    } else if (CLOSING.has(byte)) {
      depth -= 1
    } else if (byte === COMMA) {
      values += 1
    }
    if (depth > MAX_DEPTH || values > MAX_VALUES) return false
  }
  return true
}

/**
 * Returns where the string that starts at `start` ends: at the first quote that is not preceded by an odd
 * number of backslashes.
 */
function endOfString(json: Uint8Array, start: number): number {
  for (let end = json.indexOf(QUOTE, start + 1); end !== -1; end = json.indexOf(QUOTE, end + 1)) {
    let slashes = 0
    while (json[end - 1 - slashes] === BACKSLASH) slashes += 1
    if (slashes % 2 === 0) return end
  }
  return json.length
}
