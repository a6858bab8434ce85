/** Reads external media as the source of a rendition: small images as a whole, everything else by ranges. */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { strongEtag } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { fileNameOfUrl } from '@media-proxy/shared/response/headers.ts'
import type { SourceLimits } from '../../media/limits.ts'
import { SNIFF_BYTES, sniff } from '../../media/sniff.ts'
import { peek, resumed } from '../../streams/peek.ts'
import { readAll } from '../../streams/read-all.ts'
import type { GrowingMemory } from '../bytes/growing.ts'
import { memoryRanges } from '../bytes/memory-ranges.ts'
import { createRangeSource, type RangeSource } from '../bytes/ranges.ts'
import { type Source, WHOLE_BYTES } from '../bytes/source.ts'
import { spool } from '../bytes/spool.ts'
import { readUnsized } from '../bytes/unsized.ts'
import type { ExternalFetch } from './fetch.ts'
import { type ExternalResponse, isSameFile } from './response.ts'

export interface ExternalSourceOptions {
  readonly external: ExternalFetch
  readonly limits: SourceLimits
  readonly memory: GrowingMemory
  /**
   * Whether every file is read as a whole, and only once. A server that returns ranges may return other bytes
   * on the next request.
   */
  readonly readsWhole: boolean
}

/** Opens, sniffs and reads external media. `signal` aborts every read and frees the bytes. */
export async function readExternalSource(
  { external, limits, memory, readsWhole }: ExternalSourceOptions,
  url: string,
  signal: AbortSignal,
): Promise<Source | Failure> {
  const response = await external.open(url, { signal })
  if (isFailure(response)) return response
  const { head, rest } = await peek(response.body, SNIFF_BYTES)
  const kind = await sniff(head, fileNameOfUrl(url))
  const known = { url, response, kind }
  if (kind === undefined) {
    await discardBody(rest)
    return sourceOf(known, head, await etagOf(response), memoryRanges(head))
  }
  if (kind.kind === 'image' && (response.sizeBytes ?? 0) <= WHOLE_BYTES) {
    const read = await readUnsized(kind, { head, rest }, { limits, memory, signal })
    return isFailure(read) ? read : sourceOf(known, read.bytes, read.etag, read.parts)
  }
  if (response.sizeBytes !== undefined && response.offersRanges && !readsWhole) {
    await discardBody(rest)
    const parts = rangesOf({ external, limits }, response, { sizeBytes: response.sizeBytes, head }, signal)
    return { ...sourceOf(known, head, await etagOf(response), parts), readsExternally: true }
  }
  const { sizeBytes } = response
  const spooled = await spool({
    body: resumed([head], rest),
    sizeBytes,
    maxBytes: limits.temporaryFileBytes,
    signal,
  })
  return isFailure(spooled) ? spooled : sourceOf(known, head, `"${spooled.sha256}"`, spooled.parts)
}

interface Known {
  readonly url: string
  readonly response: ExternalResponse
  readonly kind: Source['kind']
}

function sourceOf(
  { url, response: { lastModified, lifetimeSeconds }, kind }: Known,
  bytes: Uint8Array,
  etag: string,
  parts: RangeSource,
): Source {
  return { key: url, info: { etag, lastModified, lifetimeSeconds }, kind, bytes, parts }
}

/**
 * Computes the ETag of a file that is not read as a whole, from its URL and its declared validators and size.
 */
function etagOf({ url, etag, lastModified, sizeBytes }: ExternalResponse): Promise<string> {
  return strongEtag(url, etag ?? '', lastModified?.toUTCString() ?? '', String(sizeBytes))
}

/**
 * Reads ranges from the upstream, so that only the needed parts are transferred. Some servers offer ranges and
 * then reject them, ignore them, cut them off or change their ETag with each response. The whole file is read
 * instead after the first such response.
 */
function rangesOf(
  { external, limits }: Pick<ExternalSourceOptions, 'external' | 'limits'>,
  response: ExternalResponse,
  { sizeBytes, head }: { readonly sizeBytes: number; readonly head: Uint8Array },
  signal: AbortSignal,
): RangeSource {
  const start = head.subarray(0, sizeBytes)
  let whole: Promise<RangeSource | Failure> | undefined

  async function readWhole(): Promise<RangeSource | Failure> {
    const again = await external.open(response.url, { signal })
    if (isFailure(again)) return again
    const maxBytes = limits.temporaryFileBytes
    const spooled = await spool({ body: again.body, sizeBytes: again.sizeBytes, maxBytes, signal })
    if (isFailure(spooled)) return spooled
    const { parts } = spooled
    const first = parts.sizeBytes === sizeBytes ? await parts.read(0, start.length) : undefined
    if (first !== undefined && isFailure(first)) return first
    const hasSameStart = first !== undefined && Buffer.compare(first, start) === 0
    return hasSameStart ? parts : fail('external-unreachable', 'the external server sent another file')
  }

  return createRangeSource({
    sizeBytes,
    head: start,
    async fetchPart(from, to) {
      if (whole === undefined) {
        const part = await readRange(external, response, { start: from, end: to }, signal)
        if (!isFailure(part) || !RANGE_FAILURES.includes(part.code)) return part
        whole = readWhole()
      }
      const parts = await whole
      return isFailure(parts) ? parts : parts.read(from, to)
    },
    async fetchAll() {
      if (whole === undefined) {
        const all = await external.open(response.url, { signal })
        if (isFailure(all)) return all
        if (isSameFile(all, response)) return all.body
        await discardBody(all.body)
        whole = readWhole()
      }
      const parts = await whole
      return isFailure(parts) ? parts : parts.stream()
    },
  })
}

/** The failures of a range after which the whole file may still be readable. */
const RANGE_FAILURES: readonly Failure['code'][] = [
  'external-unreachable',
  'range-not-satisfiable',
  'not-found',
]

/** Reads the bytes from `start` up to, and without, `end`. Fails when the server sends others. */
async function readRange(
  external: ExternalFetch,
  known: ExternalResponse,
  { start, end }: { readonly start: number; readonly end: number },
  signal: AbortSignal,
): Promise<Uint8Array | Failure> {
  const part = await external.open(known.url, { range: { start, end: end - 1 }, signal })
  if (isFailure(part)) return part
  const isRequestedRange = part.range?.start === start && part.range.end === end - 1
  if (isRequestedRange && isSameFile(part, known)) return readAll(part.body, end - start)
  await discardBody(part.body)
  return fail('external-unreachable', 'the external server sent another range or another file')
}
