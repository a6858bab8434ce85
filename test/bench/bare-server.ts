/** The baseline for cached renditions: a plain Node server that sends the same bytes and headers. */

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const [, , file, headersText] = process.argv
if (file === undefined || headersText === undefined) throw new Error('usage: bare-server.ts FILE HEADERS')
const bytes = readFileSync(file)
const headers = Object.entries<string>(JSON.parse(headersText)).flat()

const server = createServer((_, response) => response.writeHead(200, headers).end(bytes))
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.send?.({ listening: port })
})
process.once('disconnect', () => process.exit(0))
