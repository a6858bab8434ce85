import { readFileSync } from 'node:fs'

/** Returns the version of the service from its package.json. */
export function serviceVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
