import { toObjectKey } from '../request/object-key.ts'
import { parseRelay, relayTargetOf } from '../request/relay.ts'
import { isFailure } from '../response/failure.ts'
import { createBase64KeyRing } from '../signing/hmac.ts'
import { signUploadToken } from '../signing/upload-token.ts'

export interface UploadUrlsOptions {
  /** The base URL at which apps reach the service, with or without a trailing slash. */
  readonly baseUrl: string
  /** The service's `uploadRelaySecret`, in base64; the first of several. Must never reach a browser. */
  readonly secret: string
  /** The service's `s3.bucketUploads`. Default: `uploads`. */
  readonly bucket?: string
  /** Returns the time in milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number
}

export interface UploadOptions {
  /** The largest size of the upload, in bytes. The service's own limit applies in addition. */
  readonly maxBytes: number
  /** The time for which the URL is valid, in seconds. */
  readonly expiresInSeconds: number
  /** The content type that the object is stored with. The type that the app sends is ignored. */
  readonly contentType?: string
  /** A part, 1..10000, of a multipart upload that was started at the store. */
  readonly part?: { readonly uploadId: string; readonly partNumber: number }
}

/** Builds URLs to which an app may `PUT` one object through the relay. */
export interface UploadUrls {
  /** `key` is the decoded object key. Throws a `RangeError` for an upload that the service would reject. */
  sign(key: string, options: UploadOptions): Promise<string>
}

/** Creates a signer. It imports the key once, on first use. */
export function createUploadUrls(options: UploadUrlsOptions): UploadUrls {
  const base = options.baseUrl.replace(/\/+$/, '')
  const now = options.now ?? Date.now
  let ring: ReturnType<typeof createBase64KeyRing> | undefined
  return {
    async sign(key, { maxBytes, expiresInSeconds, contentType, part }) {
      const path = pathOf(key)
      if (!Number.isSafeInteger(maxBytes) || maxBytes < 0) throw new RangeError('no number of bytes')
      if (!Number.isFinite(expiresInSeconds)) throw new RangeError('no number of seconds')
      ring ??= createBase64KeyRing([options.secret])
      const token = await signUploadToken(await ring, {
        bucket: options.bucket ?? 'uploads',
        key,
        method: 'put',
        ...part,
        ...(contentType === undefined ? {} : { contentType }),
        maxBytes,
        expiresAt: Math.floor(now() / 1000 + expiresInSeconds),
      })
      const query = new URLSearchParams({ t: token })
      if (part !== undefined) {
        query.set('uploadId', part.uploadId)
        query.set('partNumber', String(part.partNumber))
      }
      return base + accepted(`${path}?${query}`)
    },
  }
}

function pathOf(key: string): string {
  const checked = toObjectKey(key)
  if (isFailure(checked)) throw new RangeError(`the service would reject this key: ${checked.detail}`)
  return `/v1/relay/${encodeURIComponent(key)}`
}

function accepted(path: string): string {
  const request = parseRelay(new URL(path, 'https://media.invalid'))
  if (request === undefined || isFailure(relayTargetOf(request)))
    throw new RangeError('the service would reject this part of an upload')
  return path
}
