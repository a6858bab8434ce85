/**
 * Imported first by commands that take no arguments. It
 * prints the usage on request, and then nothing is started.
 */

import { basename } from 'node:path'

const SETTINGS = `Its settings are variables of the environment or a file (docs/configuration.md):
  MEDIA_PROXY_PORT          of the origin, 8080
  MEDIA_PROXY_STORAGE_DIR   a folder of objects; with MEDIA_PROXY_S3_ENDPOINT and its keys they are in S3
  MEDIA_PROXY_CONFIG        a file of settings`

const USAGES: Readonly<Record<string, string>> = {
  'start.ts': `pnpm start: edge and origin on this machine, with samples and secrets of their own. Ctrl-C ends them.

${SETTINGS}
  EDGE_PORT                 of the edge, 8787`,
  'start-origin.ts': `pnpm start:origin: the origin alone. Ctrl-C lets running work end.

${SETTINGS}`,
}

const [, script = '', ...words] = process.argv
const unknown = words.filter((word) => word !== '--help' && word !== '-h' && word !== '--')
if (unknown.length > 0) console.error(`There is no argument ${unknown.join(' ')}.\n`)
if (words.some((word) => word !== '--')) {
  console.log(USAGES[basename(script)])
  process.exit(unknown.length > 0 ? 2 : 0)
}
