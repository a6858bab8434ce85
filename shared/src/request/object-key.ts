import { type Failure, failWithHint } from '../response/failure.ts'

declare const objectKeyBrand: unique symbol

/** An object key: slash-separated segments, none of which allows path traversal. */
export type ObjectKey = string & { readonly [objectKeyBrand]: true }

/** S3's limit on the length of a key, in UTF-8 bytes. */
export const MAX_KEY_BYTES = 1024

const encoder = new TextEncoder()

/**
 * Builds a key from percent-encoded path segments.
 *
 * Each segment is decoded once, and the complete key is checked after decoding, so that `%2e%2e%2f` is
 * recognised as `../`. Fails with `bad-request` on invalid UTF-8, an empty segment, `.`, `..`, a control
 * character, a backslash, or more than 1024 bytes.
 */
export function decodeObjectKey(encodedSegments: readonly string[]): ObjectKey | Failure {
  const decoded: string[] = []
  for (const segment of encodedSegments) {
    const text = decodeSegment(segment)
    if (text === undefined) return failWithHint('bad-request', 'the path is not valid UTF-8')
    decoded.push(text)
  }
  return toObjectKey(decoded.join('/'))
}

/** Checks a decoded key, with the same rules and failures as `decodeObjectKey`. */
export function toObjectKey(key: string): ObjectKey | Failure {
  if (/[\u0000-\u001f\u007f-\u009f\\]/.test(key))
    return failWithHint('bad-request', 'the path has a control character or a backslash')
  // A lone surrogate has no encoding in UTF-8. Only a key from JSON can contain one.
  if (!key.isWellFormed()) return failWithHint('bad-request', 'the path has half of a character')
  // A UTF-16 code unit takes one to three bytes in UTF-8, so short keys need no encoding to be measured.
  if (
    key.length > MAX_KEY_BYTES ||
    (key.length * 3 > MAX_KEY_BYTES && encoder.encode(key).length > MAX_KEY_BYTES)
  ) {
    return failWithHint('bad-request', 'the path is longer than 1024 bytes')
  }
  for (const segment of key.split('/')) {
    if (segment === '' || segment === '.' || segment === '..')
      return failWithHint('bad-request', 'the path has an empty segment, . or ..')
  }
  return key as ObjectKey
}

/** Appends a suffix to the last segment of a key, as in the fallback keys `<key>.<ext>`. */
export function withSuffix(key: ObjectKey, suffix: `.${string}`): ObjectKey {
  return `${key}${suffix}` as ObjectKey
}

/** Returns the last segment of a key. */
export function fileNameOf(key: ObjectKey): string {
  return key.slice(key.lastIndexOf('/') + 1)
}

/** Encodes a key as a URL path: percent-encodes every segment and keeps the slashes. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

/** Percent-decodes one path segment. Undefined when the result is not valid UTF-8. */
export function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
