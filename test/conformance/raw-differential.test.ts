/**
 * Sends thousands of malformed requests, byte by byte, to the
 * edge and to the origin. The responses have to be the same.
 */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { exchange, type RawAnswer } from '../raw-exchange.ts'
import { seededRandom } from '../seeded-random.ts'
import { type FilesystemService, openEdge } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'

/** Use another seed or more requests with `RAW_SEED=7 RAW_REQUESTS=50000 pnpm test raw-differential`. */
const REQUESTS = Number(process.env.RAW_REQUESTS ?? 5000)
const SEED = Number(process.env.RAW_SEED ?? 1)
const CONCURRENT_REQUESTS = 8

const METHODS = 'GET GET GET GET GET HEAD HEAD OPTIONS POST PUT DELETE PATCH TRACE'.split(' ')
const IMAGE_KEYS =
  'avatars/1/a icons/1/i emojis/5 stickers/6 guilds/1/users/2/avatars/b attachments/1/2/picture.png'.split(
    ' ',
  )
const TEXT_KEYS = ['attachments/1/2/file.bin', 'attachments/1/2/ü.bin', 'attachments/1/2/a b.txt']

const PATHS = [
  ...'/avatars/1/a.webp /avatars/1/a /avatars/1/none.png /icons/1/i.png /emojis/5.webp /emojis/5.gif'.split(
    ' ',
  ),
  ...'/stickers/6.png /attachments/1/2/file.bin /attachments/1/2/picture.png /attachments/1/2/%C3%BC.bin'.split(
    ' ',
  ),
  ...'/attachments/1/2/\xc3\xbc.bin /attachments/1/2/a%20b.txt /attachments/none /robots.txt / /x'.split(' '),
  ...'/themes/0123456789abcdef.css /external/abc/https/x.test/a.png /_health /_metadata /_frames'.split(' '),
  '/guilds/1/users/2/avatars/b.png',
]
/** Pieces that are inserted into a path, or that replace a character of it. */
const PIECES = [
  ...'/ // . .. /../ /./ %2e %2E%2e/ %2f %2F %5c %00 %0d%0a % %z %c3 %C3%BC %ff %20 %40 %7E %3f %23'.split(
    ' ',
  ),
  ...'+ ; ;a=b : @ ~ ! \' ( * , = & $ [ ] { } | ^ ` " < # #x a A 0 - _ \\ \xc3\xbc \xff \xe4 \x01 \x7f'.split(
    ' ',
  ),
  '\t',
]
const QUERIES = [
  ...'size=32 size=33 size=0 size=-1 size=99999 size= size size=32&size=64 SIZE=32 size=%33%32 s%69ze=32'.split(
    ' ',
  ),
  ...'width=20 width=20&height=10 width=1e2 width=20.5 width=%EF%BC%91 width=20;height=10 width=+20 width=20%00'.split(
    ' ',
  ),
  ...'format=png format=jpeg format=auto format=exe quality=high quality=lossless quality=50 blur=3'.split(
    ' ',
  ),
  ...'animated=true animated=1 animated download=true fit=cover gravity=north dpr=2'.split(' '),
  ...'= & && ? a=b a;b % %zz %ff \xc3\xbc \\'.split(' '),
]
const HEADERS = [
  ...[
    'bytes=0-',
    'bytes=0-3',
    'bytes=-3',
    'bytes=5-2',
    'bytes=99999-',
    'bytes=0-1,3-4',
    'lines=1-2',
    'bytes=',
  ].map((range) => `Range: ${range}`),
  'If-None-Match: *',
  'If-None-Match: "x"',
  'If-None-Match: W/"x", "y"',
  'If-None-Match: x',
  'If-Match: *',
  'If-Match: "x"',
  'If-Range: "x"',
  'If-Modified-Since: Sat, 28 Nov 2037 00:00:00 GMT',
  'If-Modified-Since: yesterday',
  'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
  'Accept: image/avif,image/webp,*/*',
  'Accept: image/png',
  'Accept: ',
  'Accept: */*;q=0',
  'Origin: https://app.test',
  'Origin: null',
  'Access-Control-Request-Method: GET',
  'Access-Control-Request-Headers: range, x-request-id',
  'X-Forwarded-For: 1.2.3.4',
  'X-Real-IP: 1.2.3.4',
  'Forwarded: for=1.2.3.4',
  'CF-Connecting-IP: 9.9.9.9',
  'Via: 1.1 x',
  'X-Request-Id: abc',
  'X-Internal-Secret: none',
  'Authorization: Bearer none',
  'Cookie: a=b',
  'User-Agent: ',
  'Content-Type: application/json',
  'Content-Length: 0',
  'Expect: 100-continue',
  'Upgrade-Insecure-Requests: 1',
  'Cache-Control: no-cache',
  'Cache-Control: only-if-cached',
  'Pragma: no-cache',
  'X-Weird: \xfc\xff',
  'traceparent: 00-x',
  'TE: trailers',
  'Max-Forwards: 0',
  'Referer: x',
]
const HOSTS = ['Host: x', 'Host: x', 'Host: other.test', 'Host: 127.0.0.1:1', 'Host: [::1]', 'host: X']

const COMPARED = [
  ...'content-type content-length content-range content-disposition content-encoding content-security-policy'.split(
    ' ',
  ),
  ...'cache-control etag last-modified accept-ranges vary location allow retry-after x-content-type-options'.split(
    ' ',
  ),
  ...'access-control-allow-origin access-control-allow-headers access-control-expose-headers'.split(' '),
]

let service: FilesystemService

beforeAll(async () => {
  service = await openEdge({
    MEDIA_PROXY_SECRET_KEY: 'secret',
    MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
    MEDIA_PROXY_NEGOTIATE_FORMAT: 'off',
  })
  const image = await halvesPng(64, 48)
  for (const key of IMAGE_KEYS) await service.put(key, image)
  for (const key of TEXT_KEYS) await service.put(key, Buffer.from('0123456789'))
  await service.put('themes/0123456789abcdef.css', Buffer.from('a { color: red }'))
})
afterAll(() => service.close())

it(
  'raw requests get the same responses from the edge and the origin',
  async () => {
    const random = seededRandom(SEED)
    const requests = Array.from({ length: REQUESTS }, () => rawRequest(random)).values()
    const differences: unknown[] = []
    const statuses = new Set<unknown>()
    async function askBoth(): Promise<void> {
      for (const bytes of requests) {
        const origin = seen(await exchange(service.originUrl, bytes))
        const edge = seen(await exchange(service.url, bytes))
        statuses.add(origin.status)
        if (rejectedBeforeTheWorker(edge, origin)) continue
        for (const name of Object.keys({ ...origin, ...edge }))
          if (origin[name] !== edge[name]) differences.push([bytes, name, origin[name], edge[name]])
      }
    }
    await Promise.all(Array.from({ length: CONCURRENT_REQUESTS }, askBoth))
    expect(differences).toEqual([])
    // The requests reach the expected parts of the service.
    expect([...statuses].sort()).toEqual(
      expect.arrayContaining([200, 204, 206, 304, 400, 404, 405, 412, 416]),
    )
  },
  scaleTimeout(120_000),
)

function rawRequest(random: () => number): string {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const some = <T>(list: readonly T[]) =>
    Array.from({ length: Math.max(0, Math.floor(random() * 4) - 1) }, () => pick(list))
  let path = pick(PATHS)
  for (const piece of some(PIECES)) {
    const at = 1 + Math.floor(random() * path.length)
    path = path.slice(0, at) + piece + path.slice(at + (random() < 0.3 ? 1 : 0))
  }
  const queries = some(QUERIES)
  const target = path + (queries.length > 0 ? `?${queries.join('&')}` : '')
  const headers = [pick(HOSTS), ...new Set(some(HEADERS)), 'Connection: close']
  return `${pick(METHODS)} ${target} HTTP/1.1\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`
}

type Seen = Readonly<Record<string, string | number | undefined>>

function seen({ status, headers, body }: RawAnswer): Seen {
  return { status, body, ...Object.fromEntries(COMPARED.map((name) => [name, headers[name]])) }
}

/**
 * The local runtime rejects targets that its URL parser does not accept (`<`, a backtick, bytes that are not
 * UTF-8) with its own text, before the worker runs. The origin serves nothing for them either.
 */
function rejectedBeforeTheWorker(edge: Seen, origin: Seen): boolean {
  const own = edge.status === 400 && edge['content-type'] === 'text/plain'
  return own && (origin.status === 204 || Math.floor(Number(origin.status) / 100) === 4)
}
