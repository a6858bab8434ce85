/**
 * Removes the path prefix under which a reverse proxy exposes the service (`publicPath`, such as `/media`). A
 * URL without the prefix is returned unchanged, because the service answers both. Keys and signatures never
 * contain the prefix.
 */
export function withoutPublicPath(url: URL, publicPath: string): URL {
  if (publicPath === '' || !(url.pathname === publicPath || url.pathname.startsWith(`${publicPath}/`)))
    return url
  const inner = new URL(url)
  inner.pathname = url.pathname.slice(publicPath.length)
  return inner
}
