/** Answers that live for less than their media could: by whom they are kept, and for how long. */

/** `Cache-Control` of an answer that is good for so many seconds. */
export function limitedCacheControl(seconds: number): string {
  return `public, max-age=${seconds}`
}

/**
 * By this header the origin tells the edge for how many seconds it may keep an answer, whatever the signature of its URL
 * allows.
 */
export const LIFE_HEADER = 'x-media-life'

/** How long an answer is good for, at most. */
export interface Life {
  readonly seconds: number
  /** Beyond that it is never answered, not even where the origin cannot be asked: `must-revalidate` of RFC 9111. */
  readonly mustRevalidate: boolean
}

const MUST_REVALIDATE = ', must-revalidate'

/** The value of the header, whole seconds first. */
export function formatLife({ seconds, mustRevalidate }: Life): string {
  return `${seconds}${mustRevalidate ? MUST_REVALIDATE : ''}`
}

/** What the header says; undefined where there is none. */
export function readLife(value: string | null | undefined): Life | undefined {
  if (value == null) return undefined
  return { seconds: Number.parseInt(value, 10), mustRevalidate: value.endsWith(MUST_REVALIDATE) }
}
