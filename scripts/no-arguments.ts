/**
 * Imported first by commands that take no arguments. It
 * prints the usage on request, and then nothing is started.
 */

import { basename } from 'node:path'

const SETTINGS = `Settings are environment variables or fields of a file (docs/configuration.md):
  MEDIA_PROXY_PORT          port of the origin, default 8080
  MEDIA_PROXY_STORAGE_DIR   folder of objects; MEDIA_PROXY_S3_ENDPOINT and its keys select S3 instead
  MEDIA_PROXY_CONFIG        configuration file`

const USAGES: Readonly<Record<string, string>> = {
  'start.ts': `pnpm start: runs the edge and the origin locally, with samples and generated secrets. Ctrl-C stops them.

${SETTINGS}
  EDGE_PORT                 port of the edge, default 8787`,
  'start-origin.ts': `pnpm start:origin: runs only the origin. Ctrl-C stops it after running work has finished.

${SETTINGS}`,
}

const [, script = '', ...args] = process.argv
const unknown = args.filter((word) => word !== '--help' && word !== '-h' && word !== '--')
if (unknown.length > 0) console.error(`Unknown argument: ${unknown.join(' ')}\n`)
if (args.some((word) => word !== '--')) {
  console.log(USAGES[basename(script)])
  process.exit(unknown.length > 0 ? 2 : 0)
}
