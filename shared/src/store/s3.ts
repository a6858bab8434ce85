import { AwsClient } from 'aws4fetch'
import { encodeKey } from '../request/object-key.ts'
import { type ByteRange, formatRange, parseHttpDate, resolveRange } from '../response/conditional.ts'
import { type Failure, fail, isFailure } from '../response/failure.ts'
import type { ObjectInfo, ObjectStore } from './store.ts'
import { watchBody, watchUpload } from './watched-body.ts'

export interface S3StoreOptions {
  /** Absolute URL without a slash at its end; buckets are addressed path-style below it. */
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Longest wait for an answer's head, and between two chunks of its body. */
  readonly timeoutMs: number
}

/** Waits before the second and the third try. Only what another try may mend is tried again. */
const RETRY_DELAYS_MS = [50, 250]
const ERROR_BODY_BYTES = 4096
/** Keys of one listing; the most that S3 gives. */
const LISTED_KEYS = 1000

type Method = 'GET' | 'HEAD' | 'PUT' | 'DELETE'

/** A store that speaks S3, with signatures of version 4. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const client = new AwsClient({
    accessKeyId: options.accessKeyId,
    secretAccessKey: options.secretAccessKey,
    region: options.region,
    service: 's3',
    retries: 0,
  })

  async function send(
    method: Method,
    path: string,
    range: string | undefined,
    caller: AbortSignal | undefined,
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<Response | Failure> {
    for (const wait of [...RETRY_DELAYS_MS, undefined]) {
      const outcome = await attempt(method, path, range, caller, body)
      if (wait === undefined || !isWorthRetrying(outcome)) return outcome
      if (!isFailure(outcome)) await outcome.body?.cancel()
      await pause(wait, caller)
    }
    return fail('store-unreachable')
  }

  async function attempt(
    method: Method,
    path: string,
    range: string | undefined,
    caller: AbortSignal | undefined,
    body: Uint8Array<ArrayBuffer> | undefined,
  ): Promise<Response | Failure> {
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), options.timeoutMs)
    const signal = caller === undefined ? timeout.signal : AbortSignal.any([caller, timeout.signal])
    try {
      const headers: Record<string, string> = range === undefined ? {} : { range }
      const signed = await client.sign(`${options.endpoint}/${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      })
      // A compressed answer would have another length than the object, and ranges of other bytes. Not signed,
      // because proxies in front of a store rewrite this header.
      signed.headers.set('accept-encoding', 'identity')
      return await fetch(signed, { signal, redirect: 'manual' })
    } catch (error) {
      caller?.throwIfAborted()
      if (timeout.signal.aborted) return fail('store-timeout', `no answer in ${options.timeoutMs} ms`)
      return fail('store-unreachable', reasonOf(error))
    } finally {
      clearTimeout(timer)
    }
  }

  /** Sent once: a stream cannot be sent again. Its bytes are not signed, since they are not known beforehand. */
  async function sendStream(
    path: string,
    body: ReadableStream<Uint8Array>,
    headers: Record<string, string>,
  ): Promise<Response | Failure> {
    const signed = await client.sign(`${options.endpoint}/${path}`, {
      method: 'PUT',
      headers: { ...headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    })
    const stalled = new AbortController()
    const watched = watchUpload(body, options.timeoutMs, stalled)
    try {
      const init = {
        method: 'PUT',
        headers: signed.headers,
        body: watched.stream,
        // The answer comes after the body.
        duplex: 'half',
        redirect: 'manual' as const,
        signal: stalled.signal,
      }
      return await fetch(signed.url, init)
    } catch (error) {
      return stalled.signal.aborted
        ? fail('store-timeout', `nothing taken for ${options.timeoutMs} ms`)
        : fail('store-unreachable', reasonOf(error))
    } finally {
      watched.answered()
    }
  }

  return {
    async head(bucket, key, signal) {
      const response = await send('HEAD', `${bucket}/${encodeKey(key)}`, undefined, signal)
      if (isFailure(response)) return response
      return response.status === 200 ? infoOf(response) : await rejectionOf(response, bucket)
    },

    async get(bucket, key, { range, signal } = {}) {
      const headerValue = range === undefined ? undefined : formatRange(range)
      const response = await send('GET', `${bucket}/${encodeKey(key)}`, headerValue, signal)
      if (isFailure(response)) return response
      if (response.status === 416) {
        await response.body?.cancel()
        return beyondTheEnd(totalSize(response) ?? (await this.head(bucket, key, signal)))
      }
      if (response.status !== 200 && response.status !== 206) return rejectionOf(response, bucket)
      const info = infoOf(response)
      if (isFailure(info)) return info
      // Some stores answer the whole object to a range behind its end.
      if (
        range !== undefined &&
        response.status === 200 &&
        resolveRange(range, info.sizeBytes) === 'unsatisfiable'
      ) {
        await response.body?.cancel()
        return beyondTheEnd(info)
      }
      const body = watchBody(response.body ?? new Blob([]).stream(), options.timeoutMs)
      const part = response.status === 206 ? partOf(response) : undefined
      return part === undefined ? { info, body } : { info, range: part, body }
    },

    async put(bucket, key, bytes) {
      // Writing the same bytes twice is harmless, so writes are tried again like reads.
      const response = await send('PUT', `${bucket}/${encodeKey(key)}`, undefined, undefined, bytes)
      if (isFailure(response)) return response
      if (!response.ok) return rejectionOf(response, bucket)
      await response.body?.cancel()
      return undefined
    },

    async upload(bucket, key, { body, sizeBytes, contentType, part }) {
      const query =
        part === undefined
          ? ''
          : `?partNumber=${part.partNumber}&uploadId=${encodeURIComponent(part.uploadId)}`
      const response = await sendStream(`${bucket}/${encodeKey(key)}${query}`, body, {
        'content-length': String(sizeBytes),
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
      })
      if (isFailure(response)) return response
      if (!response.ok) return rejectionOf(response, bucket)
      await response.body?.cancel()
      const etag = response.headers.get('etag')
      return etag === null ? {} : { etag }
    },

    async removeBelow(bucket, folder) {
      let removed = 0
      for (;;) {
        const query = `list-type=2&max-keys=${LISTED_KEYS}&prefix=${encodeURIComponent(folder)}`
        const response = await send('GET', `${bucket}?${query}`, undefined, undefined)
        if (isFailure(response)) return response
        if (!response.ok) return rejectionOf(response, bucket)
        const keys = [...(await response.text()).matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = '']) => key)
        for (const key of keys) {
          const gone = await send('DELETE', `${bucket}/${encodeKey(key)}`, undefined, undefined)
          if (isFailure(gone)) return gone
          if (!gone.ok && gone.status !== 404) return rejectionOf(gone, bucket)
          await gone.body?.cancel()
        }
        removed += keys.length
        if (keys.length < LISTED_KEYS) return removed
      }
    },

    async check(bucket, signal) {
      const response = await send('HEAD', bucket, undefined, signal)
      if (isFailure(response)) return response
      await response.body?.cancel()
      // Credentials may well read objects without being allowed to look at the bucket itself.
      if (response.status === 404) return fail('store-misconfigured', `the bucket ${bucket} does not exist`)
      return response.status < 500 ? undefined : fail('store-unreachable', `status ${response.status}`)
    },
  }
}

/** Waits, or rejects with the caller's reason as soon as it leaves. */
function pause(milliseconds: number, caller: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    caller?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(caller.reason)
    })
  })
}

function isWorthRetrying(outcome: Response | Failure): boolean {
  return isFailure(outcome) ? outcome.code === 'store-unreachable' : outcome.status >= 500
}

function infoOf(response: Response): ObjectInfo | Failure {
  const { headers } = response
  const size = totalSize(response)
  const etag = headers.get('etag')?.replace(/^W\//, '')
  const lastModified = parseHttpDate(headers.get('last-modified'))
  if (size === undefined || !etag || lastModified === undefined) {
    return fail('store-misconfigured', 'an answer without Content-Length, ETag or Last-Modified')
  }
  const contentType = headers.get('content-type')
  const cacheControl = headers.get('cache-control')
  return {
    sizeBytes: size,
    etag,
    lastModified,
    ...(contentType === null ? {} : { contentType }),
    ...(cacheControl === null ? {} : { cacheControl }),
  }
}

/** 416 with the object's size, which not every store tells with its refusal. */
function beyondTheEnd(known: ObjectInfo | Failure | number): Failure {
  if (isFailure(known)) return known
  const size = typeof known === 'number' ? known : known.sizeBytes
  return fail('range-not-satisfiable', undefined, { 'content-range': `bytes */${size}` })
}

function totalSize(response: Response): number | undefined {
  const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  // The length of a refusal is not that of the object.
  const headerValue = total ?? (response.ok ? response.headers.get('content-length') : null)
  return headerValue == null ? undefined : Number(headerValue)
}

function partOf(response: Response): ByteRange | undefined {
  const match = /^bytes (\d+)-(\d+)\//.exec(response.headers.get('content-range') ?? '')
  return match === null ? undefined : { start: Number(match[1]), end: Number(match[2]) }
}

/** Names what the operator has to mend; the client learns nothing of it. */
async function rejectionOf(response: Response, bucket: string): Promise<Failure> {
  const text = await readStart(response)
  const code = /<Code>(\w{1,60})<\/Code>/.exec(text)?.[1] ?? ''
  switch (response.status) {
    case 404:
      return code === 'NoSuchBucket'
        ? fail('store-misconfigured', `the bucket ${bucket} does not exist: create it or name another`)
        : fail('not-found')
    case 401:
    case 403:
      return fail(
        'store-denied',
        `S3 refused the credentials (${code || response.status}): check MEDIA_PROXY_S3_ACCESS_KEY_ID and ` +
          'MEDIA_PROXY_S3_SECRET_ACCESS_KEY, the clock of this machine, and that the key may read and list ' +
          `the bucket ${bucket}`,
      )
    default:
      return response.status >= 500
        ? fail('store-unreachable', `S3 answered ${response.status} ${code}`)
        : fail('store-misconfigured', `S3 answered ${response.status} ${code}`)
  }
}

async function readStart(response: Response): Promise<string> {
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= ERROR_BODY_BYTES) break
  }
  return text
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code !== undefined) return String(code)
  return error instanceof Error ? (cause instanceof Error ? cause : error).message : String(error)
}
