/**
 * The requests of the page to the service, apart from those for media. They are POST requests to its own
 * host, with the secret if one was entered.
 */

import {
  type Metadata,
  readFrames,
  readMetadata,
  type StillFrame,
} from '@media-proxy/shared/client/client-answers.ts'
import {
  type ClientFailure,
  failureOfError,
  failureOfResponse,
} from '@media-proxy/shared/client/client-failure.ts'
import { decodeSegment } from './decode-segment.ts'

export interface Session {
  readonly trusted: boolean
  readonly signs: boolean
  readonly uploads: boolean
  /** Whether attachments have to be signed. The page does not sign them. */
  readonly attachmentsSigned: boolean
  readonly maxUploadBytes: number
  readonly buckets: { readonly cdn: string; readonly uploads: string }
  readonly objects: readonly string[]
  /** The maximum number of objects that are listed. */
  readonly maxObjects: number
  /** The names of the configured presets. */
  readonly presets: readonly string[]
}

export interface Kept {
  readonly upload_filename: string
  readonly path: string
}

const TIMEOUT_MS = 120_000
let secret = ''

export function useSecret(value: string): void {
  secret = value
}

async function post<T>(
  action: string,
  body: BodyInit,
  type: string,
  read: (value: unknown) => T | undefined,
) {
  const limit = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const response = await fetch(`/_playground/${action}`, {
      method: 'POST',
      headers: { 'content-type': type, ...(secret === '' ? {} : { 'x-internal-secret': secret }) },
      body,
      signal: limit,
    })
    if (!response.ok) return await failureOfResponse(response)
    const value = read(await response.json())
    return value ?? ({ failure: 'unexpected', message: 'an answer of another form' } satisfies ClientFailure)
  } catch (error) {
    return failureOfError(error, { timedOut: limit.aborted, cancelled: false })
  }
}

const postJson = <T>(action: string, body: object, read: (value: unknown) => T | undefined) =>
  post(action, JSON.stringify(body), 'application/json', read)

// The page and the service have the same version, so their own small responses need little validation.
const asOwn =
  <T extends object>(field: keyof T & string) =>
  (value: unknown): T | undefined =>
    typeof value === 'object' && value !== null && field in value ? (value as T) : undefined

/** Returns the progress of each clip that the service is encoding, 0 to 1. */
export const clipProgress = () =>
  postJson('progress', {}, asOwn<{ readonly clips: readonly number[] }>('clips'))
export const openSession = () => postJson('session', {}, asOwn<Session>('trusted'))
export const signUrl = (url: string) => postJson('sign', { url }, asOwn<{ readonly path: string }>('path'))

/** Uploads a file. It reports the number of bytes sent, which `fetch` does not support. */
export function upload(
  file: File,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<Kept | ClientFailure> {
  const { promise, resolve } = Promise.withResolvers<Kept | ClientFailure>()
  const request = new XMLHttpRequest()
  request.open('POST', `/_playground/upload?name=${encodeURIComponent(file.name)}`)
  request.setRequestHeader('content-type', 'application/octet-stream')
  if (secret !== '') request.setRequestHeader('x-internal-secret', secret)
  request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded))
  request.addEventListener('load', () => resolve(readKept(request)))
  request.addEventListener('error', () => resolve({ failure: 'unreachable', message: 'No answer' }))
  request.addEventListener('abort', () => resolve({ failure: 'cancelled', message: 'stopped' }))
  signal.addEventListener('abort', () => request.abort())
  request.send(file)
  return promise
}

async function readKept({ status, responseText }: XMLHttpRequest): Promise<Kept | ClientFailure> {
  if (status !== 200) return failureOfResponse(new Response(responseText, { status }))
  const unexpected = { failure: 'unexpected', message: 'an answer of another form' } as const
  try {
    return asOwn<Kept>('path')(JSON.parse(responseText)) ?? unexpected
  } catch {
    return unexpected
  }
}

export type ObjectLocation =
  | { readonly type: 's3'; readonly bucket: string; readonly key: string }
  | { readonly type: 'upload'; readonly upload_filename: string }
  | { readonly type: 'external'; readonly url: string }

export const metadataOf = (location: ObjectLocation): Promise<Metadata | ClientFailure> =>
  postJson('metadata', { ...location, version: 2, nsfw: 'flag' }, readMetadata)

export const framesOf = (location: ObjectLocation): Promise<readonly StillFrame[] | ClientFailure> =>
  postJson('frames', location, readFrames)

/**
 * Returns the location of a source. The key of an asset has neither the extension of its URL nor the leading
 * `a_` of its hash.
 */
export function locationOf(source: string, bucket: string): ObjectLocation {
  if (/^https?:/i.test(source)) return { type: 'external', url: source }
  const path = source.split('?')[0] ?? ''
  const key = path.slice(1).split('/').map(decodeSegment).join('/')
  if (/^(attachments|themes|entrance-sounds)\//.test(key)) return { type: 's3', bucket, key }
  return { type: 's3', bucket, key: key.replace(/\.[a-z]+$/i, '').replace(/\/a_(?=[^/]+$)/, '/') }
}
