/** Keeps the cookies of one fetch, for servers that set a cookie and redirect until it is sent back. */

/** A pair that can be sent back unchanged (RFC 6265, section 4.1.1, with the spaces that servers use). */
const PAIR = /^[!#-+\-.0-9A-Za-z^_`|~]+=[\x20-\x3a\x3c-\x7e]*$/
/** The longest `Cookie` header, in bytes. Servers reject longer ones. */
const MAX_BYTES = 4096

/** The cookies of one chain of redirects. Nothing outlives it, and no origin gets the cookies of another one. */
export interface CookieJar {
  /** Keeps what a response of `url` sets. The attributes are ignored. */
  keep(url: URL, setCookie: string | readonly string[] | undefined): void
  /** Returns the `Cookie` header for a request to `url`. Undefined when there are no cookies. */
  headerFor(url: URL): string | undefined
}

export function createCookieJar(): CookieJar {
  const origins = new Map<string, Map<string, string>>()
  return {
    keep(url, setCookie = []) {
      const cookies = origins.get(url.origin) ?? new Map<string, string>()
      for (const line of [setCookie].flat()) {
        const pair = line.split(';', 1)[0]?.trim() ?? ''
        if (PAIR.test(pair)) cookies.set(pair.slice(0, pair.indexOf('=')), pair)
      }
      origins.set(url.origin, cookies)
    },
    headerFor(url) {
      const header = [...(origins.get(url.origin)?.values() ?? [])].join('; ')
      return header === '' || header.length > MAX_BYTES ? undefined : header
    },
  }
}
