/** External media as the source of a rendition: read whole where it is a picture, by parts where it is a video. */

import { createHash } from 'node:crypto'
import { strongEtag } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { fileNameOfUrl } from '@media-proxy/shared/response/headers.ts'
import type { Lane } from '../../concurrency/lane.ts'
import { judgeHead } from '../../engine/process/image/inspect.ts'
import type { SourceLimits } from '../../media/limits.ts'
import { SNIFF_BYTES, sniff } from '../../media/sniff.ts'
import { takeHead } from '../../streams/peek.ts'
import { readAll } from '../../streams/read-all.ts'
import { memoryBytes } from '../memory-ranges.ts'
import { createMediaBytes, type MediaBytes } from '../ranges.ts'
import { factsReader, hold, noFacts, type Source } from '../source.ts'
import type { ExternalFetch, ExternalResponse } from './fetch.ts'
import { spool } from './spool.ts'

export interface ExternalSourceOptions {
  readonly external: ExternalFetch
  readonly limits: SourceLimits
  /** Bounds the bytes of sources in memory. */
  readonly memory: Lane
}

const UNTOLD_BYTES = 32 * 1024 * 1024

/** Opens, sniffs and reads external media. `signal` ends every read, and what is kept of it. */
export async function readExternalSource(
  { external, limits, memory }: ExternalSourceOptions,
  url: string,
  signal: AbortSignal,
): Promise<Source | Failure> {
  const response = await external.open(url, { signal })
  if (isFailure(response)) return response
  const { head, rest } = await takeHead(response.body, SNIFF_BYTES)
  const kind = await sniff(head, fileNameOfUrl(url))
  if (kind?.kind === 'image') {
    const refused = await judgeHead(head, kind.format, limits)
    if (refused !== undefined) {
      await rest.cancel()
      return refused
    }
    // A far server that does not tell the size counts for a large picture; the limit on bytes still holds.
    const held = await hold(response.sizeBytes ?? UNTOLD_BYTES, memory, signal)
    if (held !== undefined) {
      await rest.cancel()
      return held
    }
    const bytes = await new Response(rest).bytes()
    // What the bytes are tells more than what their server says of them.
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
    const source = sourceOf(url, response, kind, bytes, etag, memoryBytes(bytes))
    return { ...source, facts: factsReader(bytes, kind.format) }
  }
  if (kind === undefined) {
    await rest.cancel()
    return sourceOf(url, response, kind, head, await etagOf(response), memoryBytes(head))
  }
  const parts = await partsOf(external, response, head, rest, limits, signal)
  return isFailure(parts) ? parts : sourceOf(url, response, kind, head, await etagOf(response), parts)
}

function sourceOf(
  url: string,
  { lastModified }: ExternalResponse,
  kind: Source['kind'],
  bytes: Uint8Array,
  etag: string,
  parts: MediaBytes,
): Source {
  const info = { sizeBytes: parts.sizeBytes, etag, lastModified }
  return { key: url, info, kind, bytes, parts, facts: noFacts }
}

/** What stands for the bytes of a file that is not read whole. */
function etagOf({ url, etag, lastModified, sizeBytes }: ExternalResponse): Promise<string> {
  return strongEtag(url, etag ?? '', lastModified?.toUTCString() ?? '', String(sizeBytes))
}

/** By ranges where the far server offers them, so that only what is looked at travels; else by way of a file. */
async function partsOf(
  external: ExternalFetch,
  response: ExternalResponse,
  head: Uint8Array,
  rest: ReadableStream<Uint8Array>,
  limits: SourceLimits,
  signal: AbortSignal,
): Promise<MediaBytes | Failure> {
  const { sizeBytes, offersRanges } = response
  if (sizeBytes === undefined || !offersRanges) {
    return spool({ body: rest, sizeBytes, maxBytes: limits.temporaryFileBytes, signal })
  }
  await rest.cancel()
  return createMediaBytes({
    sizeBytes,
    head: head.subarray(0, sizeBytes),
    fetchPart: (start, end) => readRange(external, response, start, end, signal),
    async fetchAll() {
      const whole = await external.open(response.url, { signal })
      return isFailure(whole) ? whole : whole.body
    },
  })
}

async function readRange(
  external: ExternalFetch,
  known: ExternalResponse,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array | Failure> {
  const part = await external.open(known.url, { range: { start, end: end - 1 }, signal })
  if (isFailure(part)) return part
  const asWanted = part.range?.start === start && part.range.end === end - 1
  if (asWanted && part.sizeBytes === known.sizeBytes && part.etag === known.etag) {
    return readAll(part.body, end - start)
  }
  await part.body.cancel()
  return fail('external-unreachable', 'the far server answers another range, or another file')
}
