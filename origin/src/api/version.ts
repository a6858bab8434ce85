import { readFileSync } from 'node:fs'

/** The version of the service, as its package tells it. */
export function serviceVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
