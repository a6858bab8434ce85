/** What a hot rendition is measured against: Hono with nothing behind it, answering the same bytes and headers. */

import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const [, , file, headersText] = process.argv
if (file === undefined || headersText === undefined) throw new Error('usage: bare-server.ts FILE HEADERS')
const bytes = readFileSync(file)
const headers: Record<string, string> = JSON.parse(headersText)

const app = new Hono()
app.all('*', () => new Response(bytes, { headers }))
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => {
  const { port } = server.address() as AddressInfo
  process.send?.({ listening: port })
})
process.once('disconnect', () => process.exit(0))
