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
  const directives = (cacheControl ?? '').split(',').map((text) => text.trim().toLowerCase())
  if (directives.some((text) => /^(no-store|no-cache|private)\b/.test(text))) return MIN_SECONDS
  const age = ageOf('s-maxage', directives) ?? ageOf('max-age', directives)
  if (age === undefined) return CACHEABLE.includes(status) ? undefined : MIN_SECONDS
  return age < DAY_SECONDS ? Math.max(MIN_SECONDS, age) : undefined
}

/**
 * Returns the value of a directive, in seconds. An invalid value, such as -1, counts as zero, because it makes a
 * response stale (RFC 9111, section 4.2.1). Undefined without the directive.
 */
function ageOf(name: string, directives: readonly string[]): number | undefined {
  const argument = directives
    .map((text) => new RegExp(`^${name}\\s*=(.*)$`).exec(text)?.[1])
    .find((value) => value !== undefined)
  if (argument === undefined) return undefined
  return Number(/^\s*"?(\d+)"?$/.exec(argument)?.[1] ?? 0)
}
