import { networkInterfaces } from 'node:os'

/**
 * Returns the URLs of a local stack: under `localhost` and every address of
 * this machine. The service then recognises its own URLs and reads their
 * media from the store. Ports that are not chosen yet (0) are skipped.
 */
export function localPublicUrls(ports: readonly string[]): string {
  const addresses = Object.values(networkInterfaces()).flatMap((found = []) =>
    found.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
  )
  const hosts = [...new Set(['127.0.0.1', 'localhost', ...addresses])]
  return ports
    .filter((port) => port !== '0')
    .flatMap((port) => hosts.map((host) => `http://${host}:${port}`))
    .join(',')
}
