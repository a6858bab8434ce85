/** A client of the internal endpoints, for API servers. Failures are values, and every call has a timeout. */

import {
  type Metadata,
  type Preparation,
  readFrames,
  readMetadata,
  readPreparation,
  type StillFrame,
} from './client-answers.ts'
import { type ClientFailure, failureOfError, failureOfResponse, unexpected } from './client-failure.ts'

export interface MediaClientOptions {
  /** The base URL of the service, with or without a trailing slash. */
  readonly baseUrl: string
  /** One of the service's secrets. It must never reach a browser, because it authorises all calls below. */
  readonly secretKey: string
  /** The timeout for a complete response, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number
  readonly fetch?: typeof fetch
}

export interface CallOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** The file whose metadata is requested. */
export type MetadataSource =
  | { readonly type: 'external'; readonly url: string; readonly filename?: string }
  | { readonly type: 'upload'; readonly upload_filename: string; readonly filename?: string }
  | { readonly type: 'base64'; readonly base64: string; readonly filename?: string }
  | { readonly type: 's3'; readonly bucket: string; readonly key: string }

export interface MetadataOptions extends CallOptions {
  /** `block` and `flag` scan the file, `allow` does not. Default: `flag`. */
  readonly nsfw?: 'block' | 'flag' | 'allow'
  /** Fields that are included only on request. */
  readonly extras?: readonly ('codecs' | 'blurhash' | 'palette' | 'phash' | 'waveform')[]
  /** Whether the response includes the bytes. Not available for a file that was sent as base64. */
  readonly withBase64?: boolean
}

export type FramesSource = Extract<MetadataSource, { type: 'upload' | 's3' }>

export interface MediaClient {
  /** Returns the metadata of a file: format, size, hash, placeholder and the result of the scan. */
  metadata(source: MetadataSource, options?: MetadataOptions): Promise<Metadata | ClientFailure>
  /** Returns the first frame of an uploaded video that decodes, as JPEG. */
  thumbnail(uploadFilename: string, options?: CallOptions): Promise<Uint8Array<ArrayBuffer> | ClientFailure>
  /** Returns the content type of an upload, from its first bytes. Null for unsupported types. */
  sniff(uploadFilename: string, options?: CallOptions): Promise<string | null | ClientFailure>
  /**
   * Returns three frames of a video or an animation, one for a still image, and none for an unreadable file.
   */
  frames(source: FramesSource, options?: CallOptions): Promise<readonly StillFrame[] | ClientFailure>
  /** Requests renditions of an object in advance. `renditions` are their paths with queries, at most 64. */
  prepare(
    object: string,
    renditions: readonly string[],
    options?: CallOptions,
  ): Promise<Preparation | ClientFailure>
  /** Purges every rendition of an object or an external URL from all caches, and returns their number. */
  purge(
    source: { readonly object: string } | { readonly external: string },
    options?: CallOptions,
  ): Promise<number | ClientFailure>
}

const DEFAULT_TIMEOUT_MS = 30_000

export function createMediaClient(options: MediaClientOptions): MediaClient {
  const base = options.baseUrl.replace(/\/+$/, '')

  /** Makes one call. The timeout includes `read`, because a body can be slow too. */
  async function call<T>(
    path: string,
    body: object,
    { signal, timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS }: CallOptions,
    read: (response: Response) => Promise<T | ClientFailure>,
  ): Promise<T | ClientFailure> {
    const limit = AbortSignal.timeout(timeoutMs)
    try {
      const response = await (options.fetch ?? fetch)(base + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-internal-secret': options.secretKey },
        body: JSON.stringify(body),
        // A redirect would send the secret to its target.
        redirect: 'error',
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      })
      return response.ok ? await read(response) : await failureOfResponse(response)
    } catch (error) {
      return failureOfError(error, { timedOut: limit.aborted, cancelled: signal?.aborted === true })
    }
  }

  const readJson =
    <T>(parse: (value: unknown) => T | undefined) =>
    async (response: Response) =>
      parse(await response.json()) ?? unexpected('the answer has not the form of this endpoint')

  return {
    metadata: (source, { nsfw = 'flag', withBase64, extras, ...callOptions } = {}) =>
      call(
        '/_metadata',
        {
          ...source,
          version: 2,
          nsfw,
          ...(withBase64 === undefined ? {} : { with_base64: withBase64 }),
          ...(extras === undefined ? {} : { extras }),
        },
        callOptions,
        readJson(readMetadata),
      ),
    thumbnail: (uploadFilename, callOptions = {}) =>
      call(
        '/_thumbnail',
        { type: 'upload', upload_filename: uploadFilename },
        callOptions,
        async (response) => new Uint8Array(await response.arrayBuffer()),
      ),
    sniff: (uploadFilename, callOptions = {}) =>
      call(
        '/_sniff',
        { upload_filename: uploadFilename },
        callOptions,
        readJson((value) => {
          const type =
            typeof value === 'object' && value !== null && 'content_type' in value
              ? value.content_type
              : undefined
          return type === null || typeof type === 'string' ? { type } : undefined
        }),
      ).then((answer) => ('type' in answer ? answer.type : answer)),
    frames: (source, callOptions = {}) => call('/_frames', source, callOptions, readJson(readFrames)),
    prepare: (object, renditions, callOptions = {}) =>
      call('/_prepare', { object, renditions }, callOptions, readJson(readPreparation)),
    purge: (source, callOptions = {}) =>
      call(
        '/_purge',
        source,
        callOptions,
        readJson((value) => {
          const removed =
            typeof value === 'object' && value !== null && 'removed' in value ? value.removed : undefined
          return typeof removed === 'number' ? removed : undefined
        }),
      ),
  }
}
