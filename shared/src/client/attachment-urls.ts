import { decodeObjectKey, encodeKey } from '../request/object-key.ts'
import { isFailure } from '../response/failure.ts'
import { serializeAttachmentSignature, signAttachment } from '../signing/attachment-url.ts'
import { createBase64KeyRing } from '../signing/hmac.ts'
import { serializeQuery, type TransformationParameters } from './parameters.ts'
import { serializePath } from './serialize-path.ts'

export interface AttachmentUrlsOptions {
  /** The base URL at which clients reach the service, with or without a trailing slash. */
  readonly baseUrl: string
  /** The service's `attachmentSecrets`, in base64; the first of several. Must never reach a browser. */
  readonly secret: string
  /** Returns the time in milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number
}

/** Builds signed URLs of attachments. Throws a `RangeError` for a URL that the service would reject. */
export interface AttachmentUrls {
  /**
   * Returns a URL that is valid for 12 to 24 hours. `path` is the decoded object key below `attachments/`.
   */
  sign(path: string, parameters?: TransformationParameters): Promise<string>
  /** Returns a URL for a data package, which never expires. */
  signForDataPackage(path: string): Promise<string>
}

const LIFETIME_SECONDS = 86_400
/** The interval in which all URLs of an attachment are identical, so that browser caches stay valid. */
const GRID_SECONDS = 43_200
/** The epoch of attachment ids, in unix seconds. The bits above the lowest 22 count milliseconds from it. */
const SNOWFLAKE_EPOCH_SECONDS = 1_420_070_400

/** Creates a signer. It imports the key once, on first use. */
export function createAttachmentUrls(options: AttachmentUrlsOptions): AttachmentUrls {
  const base = options.baseUrl.replace(/\/+$/, '')
  const now = options.now ?? Date.now
  let ring: ReturnType<typeof createBase64KeyRing> | undefined

  async function signed(
    path: string,
    parameters: TransformationParameters,
    times: { readonly issued: number; readonly expires: number | 'never' },
  ): Promise<string> {
    const key = decodeObjectKey(`attachments/${encodeKey(path)}`.split('/'))
    if (isFailure(key)) throw new RangeError(`the service would reject this path: ${key.detail}`)
    ring ??= createBase64KeyRing([options.secret])
    const signature = await signAttachment(await ring, key, times.issued, times.expires)
    const query = `?${serializeAttachmentSignature(signature)}`
    const more = serializeQuery(parameters).replace('?', '&')
    return base + serializePath(`/attachments/${encodeKey(path)}`, query + more, key)
  }

  return {
    sign(path, parameters = {}) {
      const issued = issueTime(path, now() / 1000)
      return signed(path, parameters, { issued, expires: issued + LIFETIME_SECONDS })
    },
    signForDataPackage: (path) => signed(path, {}, { issued: now() / 1000, expires: 'never' }),
  }
}

/**
 * Returns the start of the current interval. Intervals are counted from the creation of the attachment's id.
 */
function issueTime(path: string, nowSeconds: number): number {
  const id = path.split('/').at(-2) ?? ''
  const start = /^\d{15,20}$/.test(id) ? Number((BigInt(id) >> 22n) / 1000n) + SNOWFLAKE_EPOCH_SECONDS : 0
  return start + Math.max(0, Math.floor((nowSeconds - start) / GRID_SECONDS)) * GRID_SECONDS
}
