/**
 * The URL without the prefix under which a reverse proxy passes the service (`publicPath`, such as `/media`). A URL
 * that does not have it stays as it is: both are answered, and neither keys nor signatures know of the prefix.
 */
export function withoutPublicPath(url: URL, publicPath: string): URL {
  if (publicPath === '' || !(url.pathname === publicPath || url.pathname.startsWith(`${publicPath}/`)))
    return url
  const inner = new URL(url)
  inner.pathname = url.pathname.slice(publicPath.length)
  return inner
}
