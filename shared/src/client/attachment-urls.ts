import { decodeObjectKey, encodeKey } from '../request/object-key.ts'
import { isFailure } from '../response/failure.ts'
import { serializeAttachmentSignature, signAttachment } from '../signing/attachment-url.ts'
import { createBase64KeyRing } from '../signing/hmac.ts'
import { serializeQuery, type TransformationParameters } from './parameters.ts'
import { serializePath } from './serialize-path.ts'

export interface AttachmentUrlsOptions {
  /** Where clients reach the service, with or without a slash at its end. */
  readonly baseUrl: string
  /** The service's `attachmentSecrets`, in base64; of several, the first. Never in a browser. */
  readonly secret: string
  /** Milliseconds since the epoch. Default: the clock. */
  readonly now?: () => number
}

/** Signed URLs of attachments. All throw a `RangeError` for what the service would refuse. */
export interface AttachmentUrls {
  /** A URL that is good for 12 to 24 hours. `path` is the object's key below `attachments/`, decoded. */
  sign(path: string, parameters?: TransformationParameters): Promise<string>
  /** A URL of a data package, which is good for ever. */
  signForDataPackage(path: string): Promise<string>
}

const LIFETIME_SECONDS = 86_400
/** URLs made in one cell of the grid are the same, so that browsers keep what they have. */
const GRID_SECONDS = 43_200
/** Of the ids of attachments, which count milliseconds from here above their lowest 22 bits. */
const SNOWFLAKE_EPOCH_SECONDS = 1_420_070_400

/** Makes a signer; the key is imported once, at its first use. */
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
    if (isFailure(key)) throw new RangeError(`the service would refuse this path: ${key.detail}`)
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

/** The last point of the grid that is not to come. It begins when the attachment's id was made. */
function issueTime(path: string, nowSeconds: number): number {
  const id = path.split('/').at(-2) ?? ''
  const start = /^\d{15,20}$/.test(id) ? Number((BigInt(id) >> 22n) / 1000n) + SNOWFLAKE_EPOCH_SECONDS : 0
  return start + Math.max(0, Math.floor((nowSeconds - start) / GRID_SECONDS)) * GRID_SECONDS
}
