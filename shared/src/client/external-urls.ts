import { decodeExternalTarget, encodeExternalTarget } from '../request/external-target.ts'
import { isFailure } from '../response/failure.ts'
import { signExternalPath, signExternalTarget } from '../signing/external-url.ts'
import { createKeyRing } from '../signing/hmac.ts'
import { serializeQuery, type TransformationParameters } from './parameters.ts'
import { serializePath } from './serialize-path.ts'

export interface ExternalUrlsOptions {
  /** Where clients reach the service, with or without a slash at its end. */
  readonly baseUrl: string
  /** The service's `secretKey`; of several, the first. Never in a browser: who has it can make the service fetch. */
  readonly secretKey: string
  /**
   * Whether the signature covers the parameters too (`v3`), so that nobody can ask for another rendition by it. Default:
   * no (`v2`), and one signature serves every size.
   */
  readonly signsParameters?: boolean
  /** Milliseconds since the epoch. Default: the clock. */
  readonly now?: () => number
}

export interface ExternalUrlOptions extends TransformationParameters {
  /** Seconds for which the URL is good at least. Without it, it is good for ever. */
  readonly expiresInSeconds?: number
  /**
   * The moment of expiry is rounded up to a multiple of this, so that the URLs made in one bucket are the same
   * and caches keep hitting. Default: 3600.
   */
  readonly expiryBucketSeconds?: number
}

/** Signed URLs of media elsewhere. */
export interface ExternalUrls {
  /**
   * Throws a `RangeError` for anything but an absolute http or https URL, and for parameters that the service
   * would refuse.
   */
  sign(url: string, options?: ExternalUrlOptions): Promise<string>
}

const DEFAULT_BUCKET_SECONDS = 3600

/** Makes a signer; the key is imported once, at its first use. */
export function createExternalUrls(options: ExternalUrlsOptions): ExternalUrls {
  const base = options.baseUrl.replace(/\/+$/, '')
  const now = options.now ?? Date.now
  let ring: ReturnType<typeof createKeyRing> | undefined
  return {
    async sign(url, { expiresInSeconds, expiryBucketSeconds = DEFAULT_BUCKET_SECONDS, ...parameters } = {}) {
      if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
        throw new RangeError('only absolute http and https URLs can be signed')
      }
      // As the URL parser serializes it: otherwise half a surrogate pair would be signed as one thing and read as another.
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
