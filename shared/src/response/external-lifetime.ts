/** The cache lifetime of media from external servers (contract, section 5). */

const DAY_SECONDS = 86_400
/** The shortest lifetime. It protects this service and the external server from many requests at once. */
const MIN_SECONDS = 300

/**
 * The successful statuses whose responses may be cached without an explicit lifetime (RFC 9110, section 15.1).
 * A 202, for example, often contains a placeholder of what is still being made.
 */
const CACHEABLE: readonly number[] = [200, 203, 206]

/**
 * Returns the lifetime, in seconds, of a response that an external server sent with this status and this
 * `Cache-Control` (RFC 9111, section 5.2.2). Undefined when they do not shorten the default of one year; a
 * public lifetime of a day or more does not.
 */
export function externalLifetimeSeconds(
  status: number,
  cacheControl: string | undefined,
): number | undefined {
  if (cacheControl === undefined) return CACHEABLE.includes(status) ? undefined : MIN_SECONDS
  const directives = cacheControl.split(',').map((text) => text.trim().toLowerCase())
  if (directives.some((text) => /^(no-store|no-cache|private)\b/.test(text))) return MIN_SECONDS
  const ages = ['s-maxage', 'max-age'].map((name) =>
    directives.map((text) => new RegExp(`^${name}\\s*=\\s*"?(\\d{1,10})"?$`).exec(text)?.[1]).find(Boolean),
  )
  const seconds = Number(ages.find((age) => age !== undefined) ?? DAY_SECONDS)
  return seconds < DAY_SECONDS ? Math.max(MIN_SECONDS, seconds) : undefined
}
