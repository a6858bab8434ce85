import { decodeExternalTarget, encodeExternalTarget } from '../request/external-target.ts'
import { isFailure } from '../response/failure.ts'
import { signExternalPath, signExternalTarget } from '../signing/external-url.ts'
import { createKeyRing } from '../signing/hmac.ts'
import { serializeQuery, type TransformationParameters } from './parameters.ts'
import { serializePath } from './serialize-path.ts'

export interface ExternalUrlsOptions {
  /** The base URL at which clients reach the service, with or without a trailing slash. */
  readonly baseUrl: string
  /**
   * The service's `secretKey`; the first of several. It must never reach a browser, because its holder can
   * make the service fetch any URL.
   */
  readonly secretKey: string
  /**
   * Whether the signature also covers the parameters (`v3`), so that it is not valid for other renditions.
   * Default: false (`v2`), where one signature is valid for every size.
   */
  readonly signsParameters?: boolean
  /** Returns the time in milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number
}

export interface ExternalUrlOptions extends TransformationParameters {
  /** The shortest time for which the URL is valid, in seconds. Without it, the URL never expires. */
  readonly expiresInSeconds?: number
  /**
   * The expiry is rounded up to a multiple of this, in seconds, so that URLs made within one interval are
   * identical and caches keep hitting. Default: 3600.
   */
  readonly expiryBucketSeconds?: number
}

/** Builds signed URLs of external media. */
export interface ExternalUrls {
  /**
   * Throws a `RangeError` for anything but an absolute http or https URL, and for parameters that the service
   * would reject.
   */
  sign(url: string, options?: ExternalUrlOptions): Promise<string>
}

const DEFAULT_BUCKET_SECONDS = 3600

/** Creates a signer. It imports the key once, on first use. */
export function createExternalUrls(options: ExternalUrlsOptions): ExternalUrls {
  const base = options.baseUrl.replace(/\/+$/, '')
  const now = options.now ?? Date.now
  let ring: ReturnType<typeof createKeyRing> | undefined
  return {
    async sign(url, { expiresInSeconds, expiryBucketSeconds = DEFAULT_BUCKET_SECONDS, ...parameters } = {}) {
      if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
        throw new RangeError('only absolute http and https URLs can be signed')
      }
      // The URL is signed as the URL parser serializes it. A lone surrogate would otherwise differ between
      // what is signed and what the service reads.
      const target = encodeExternalTarget(new URL(url).href)
      if (isFailure(decodeExternalTarget(target))) throw new RangeError('a URL that is too long')
      ring ??= createKeyRing([options.secretKey])
      const expiresAt =
        expiresInSeconds === undefined
          ? undefined
          : roundUp(now() / 1000 + expiresInSeconds, Math.max(1, Math.floor(expiryBucketSeconds)))
      const query = serializeQuery({ ex: expiresAt, ...parameters })
      const path = options.signsParameters
        ? await signExternalPath(await ring, new URL(url).href, new URLSearchParams(query))
        : `/external/${await signExternalTarget(await ring, target, expiresAt)}/${target}`
      return base + serializePath(path, query)
    },
  }
}

function roundUp(seconds: number, bucketSeconds: number): number {
  return Math.ceil(seconds / bucketSeconds) * bucketSeconds
}
