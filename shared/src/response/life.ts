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
