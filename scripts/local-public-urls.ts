import { networkInterfaces } from 'node:os'

/**
 * Where the doors of a local stack are reached: by `localhost` and by every address of this machine. The service then
 * knows its own URLs, and reads what they name from the store. Ports that are still to be chosen (0) have none.
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
