import { toObjectKey } from '../request/object-key.ts'
import { parseRelay, relayTargetOf } from '../request/relay.ts'
import { isFailure } from '../response/failure.ts'
import { createBase64KeyRing } from '../signing/hmac.ts'
import { signUploadToken } from '../signing/upload-token.ts'

export interface UploadUrlsOptions {
  /** Where apps reach the service, with or without a slash at its end. */
  readonly baseUrl: string
  /** The service's `uploadRelaySecret`, in base64; of several, the first. Never in a browser. */
  readonly secret: string
  /** The service's `s3.bucketUploads`. Default `uploads`. */
  readonly bucket?: string
  /** Milliseconds since the epoch. Default: the clock. */
  readonly now?: () => number
}

export interface UploadOptions {
  /** Most bytes that are taken; the service's own limit holds beside it. */
  readonly maxBytes: number
  /** Seconds for which the URL is good. */
  readonly expiresInSeconds: number
  /** The type under which the object is stored; what the app says of it does not count. */
  readonly contentType?: string
  /** One part, 1..10000, of a multipart upload that the store knows. */
  readonly part?: { readonly uploadId: string; readonly partNumber: number }
}

/** URLs that an app may `PUT` one object to, through the relay. */
export interface UploadUrls {
  /** `key` is the object's, decoded. Throws a `RangeError` for what the service would refuse. */
  sign(key: string, options: UploadOptions): Promise<string>
}

/** Makes a signer; the key is imported once, at its first use. */
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
  if (isFailure(checked)) throw new RangeError(`the service would refuse this key: ${checked.detail}`)
  return `/v1/relay/${encodeURIComponent(key)}`
}

function accepted(path: string): string {
  const request = parseRelay(new URL(path, 'https://media.invalid'))
  if (request === undefined || isFailure(relayTargetOf(request)))
    throw new RangeError('the service would refuse this part of an upload')
  return path
}
