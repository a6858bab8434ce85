/** Cache lifetimes of responses that are shorter than the default of media. */

/** Returns the `Cache-Control` of a response with a limited lifetime, in seconds. */
export function limitedCacheControl(seconds: number): string {
  return `public, max-age=${seconds}`
}

/**
 * The header in which the origin states for how many seconds the edge may cache a response. The value does
 * not take the expiry of a signed URL into account.
 */
export const LIFETIME_HEADER = 'x-media-life'

/** The cache lifetime of a response. */
export interface CacheLifetime {
  readonly seconds: number
  /**
   * The response is never served stale, even when the origin is unreachable (`must-revalidate` of RFC 9111).
   */
  readonly mustRevalidate: boolean
}

const MUST_REVALIDATE = ', must-revalidate'

/** Serializes a lifetime for the header, whole seconds first. */
export function formatLifetime({ seconds, mustRevalidate }: CacheLifetime): string {
  return `${seconds}${mustRevalidate ? MUST_REVALIDATE : ''}`
}

/** Parses the header. Undefined when it is missing. */
export function parseLifetime(value: string | null | undefined): CacheLifetime | undefined {
  if (value == null) return undefined
  return { seconds: Number.parseInt(value, 10), mustRevalidate: value.endsWith(MUST_REVALIDATE) }
}
