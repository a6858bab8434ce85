/** `pnpm smoke <URL of a picture>`: checks properties that only the deployed edge has. */

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'

const USAGE = `usage: pnpm smoke <URL of a picture> [--within 10] [--exhaust]
The URL is that of an attachment, as clients get it: pnpm smoke https://media.example.com/attachments/1/2/picture.jpg
With the key of the service in MEDIA_PROXY_SECRET_KEY the picture is purged too. --exhaust sends up to 3,000 requests, until
the limit of this machine's address is reached. --within gives the number of seconds within which a response
has to become a cache hit.`

/** How long a response may take to become a cache hit, in seconds. */
const HIT_WITHIN_SECONDS = 10
const CONCURRENT_REQUESTS = 32
const MAX_REQUESTS = 3000

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly cache: string
}

/** What is checked, and how. */
interface Target {
  readonly url: URL
  /** The key of the object that the URL names. */
  readonly object: string
  readonly isExhausted: boolean
  /** How long a response may take to become a cache hit, in milliseconds. */
  readonly hitWithinMs: number
}

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly found: string
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      exhaust: { type: 'boolean' },
      within: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) console.log(USAGE)
  else await main(positionals, { isExhausted: values.exhaust === true, hitWithinMs: withinMs(values.within) })
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  console.error(USAGE)
  process.exitCode = 1
}

function withinMs(seconds: string | undefined): number {
  const milliseconds = Number(seconds ?? HIT_WITHIN_SECONDS) * 1000
  if (milliseconds >= 0) return milliseconds
  throw new Error(`--within takes a number of seconds, not ${seconds}.`)
}

async function main(
  [url, ...more]: readonly string[],
  options: Pick<Target, 'isExhausted' | 'hitWithinMs'>,
): Promise<void> {
  if (url === undefined || more.length > 0) throw new Error('Give one URL of a picture.')
  const target = { ...options, url: new URL(url), object: objectOf(url) }
  const checks: Check[] = []
  for (const work of [checkHealth, checkHit, checkTogether, checkRange, checkPurge, checkLimit]) {
    checks.push(...(await work(target)))
  }
  for (const { name, ok, found } of checks) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}: ${found}`)
  console.log(
    'The dashboard of the account shows what the checks cost (requests to Durable Objects, rows written).',
  )
  if (checks.some(({ ok }) => !ok)) process.exitCode = 1
}

function objectOf(url: string): string {
  const parsed = parseRequest(new URL(url), { accept: null, assets: false })
  if (isFailure(parsed)) throw new Error(`The service would reject this: ${parsed.detail ?? parsed.code}.`)
  const { kind } = parsed
  if (kind !== 'attachment') throw new Error(`This is no attachment: ${kind}.`)
  return (parsed as Extract<SourceRequest, { readonly kind: 'attachment' }>).key
}

/** Returns the URL of a rendition that is in no cache, with a random width and quality. */
function rendition(url: URL): URL {
  const wanted = new URL(url)
  wanted.searchParams.set('width', String(randomInt(16, 1600)))
  wanted.searchParams.set('quality', String(randomInt(60, 95)))
  wanted.searchParams.set('format', 'webp')
  return wanted
}

async function ask(url: URL, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { ...init, redirect: 'manual' })
  const body = new Uint8Array(await response.arrayBuffer())
  const { status, headers } = response
  return { status, headers, body, cache: headers.get('x-cache') ?? 'none' }
}

async function becomesHit(url: URL, hitWithinMs: number, init: RequestInit = {}): Promise<Answer> {
  const until = Date.now() + hitWithinMs
  for (;;) {
    const answer = await ask(url, init)
    if (answer.cache === 'HIT' || Date.now() > until) return answer
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function checkHealth({ url }: Target): Promise<readonly Check[]> {
  const health = await ask(new URL('/_health', url))
  const ready = await ask(new URL('/_ready', url))
  const words = new TextDecoder().decode(ready.body).trim()
  return [
    { name: 'the worker runs', ok: health.status === 200, found: String(health.status) },
    { name: 'its origin and store can be reached', ok: ready.status === 200, found: words },
  ]
}

async function checkHit({ url, hitWithinMs }: Target): Promise<readonly Check[]> {
  const wanted = rendition(url)
  const first = await ask(wanted)
  const hit = await becomesHit(wanted, hitWithinMs)
  const etag = hit.headers.get('etag') ?? ''
  const again = await ask(wanted, { headers: { 'if-none-match': etag } })
  const same = Buffer.from(first.body).equals(Buffer.from(hit.body))
  return [
    { name: 'a new rendition', ok: first.status === 200, found: `${first.status} ${first.cache}` },
    {
      name: 'HIT',
      ok: hit.cache === 'HIT' && same,
      found: `${hit.cache}, ${same ? 'the same' : 'other'} bytes`,
    },
    { name: 'a copy is confirmed', ok: again.status === 304, found: String(again.status) },
  ]
}

async function checkTogether({ url }: Target): Promise<readonly Check[]> {
  const wanted = rendition(url)
  const answers = await Promise.all(Array.from({ length: CONCURRENT_REQUESTS }, () => ask(wanted)))
  const count = (cache: string) => answers.filter((answer) => answer.cache === cache).length
  const found = ['MISS', 'COALESCED', 'HIT', 'BYPASS'].map((cache) => `${count(cache)} ${cache}`).join(', ')
  const ok = answers.every(({ status }) => status === 200) && count('MISS') <= 1 && count('BYPASS') === 0
  return [{ name: `COALESCED: ${CONCURRENT_REQUESTS} at once`, ok, found }]
}

async function checkRange({ url, hitWithinMs }: Target): Promise<readonly Check[]> {
  const headers = { range: 'bytes=10-109' }
  const part = await ask(url, { headers })
  const whole = await ask(url)
  const same = Buffer.from(whole.body.subarray(10, 110)).equals(Buffer.from(part.body))
  const hit = await becomesHit(url, hitWithinMs, { headers })
  return [
    { name: 'Range', ok: part.status === 206 && same, found: `${part.status}, ${part.body.length} bytes` },
    {
      name: 'Range of what is kept',
      ok: hit.cache === 'HIT' && hit.status === 206,
      found: `${hit.status} ${hit.cache}`,
    },
  ]
}

async function checkPurge({ url, object, hitWithinMs }: Target): Promise<readonly Check[]> {
  const name = 'purge'
  const [secret = ''] = (process.env.MEDIA_PROXY_SECRET_KEY ?? '').split(',')
  if (secret === '') return [{ name, ok: true, found: 'not asked: MEDIA_PROXY_SECRET_KEY is not set' }]
  const wanted = rendition(url)
  await becomesHit(wanted, hitWithinMs)
  const purged = await ask(new URL('/_purge', url), {
    method: 'POST',
    headers: { 'x-internal-secret': secret, 'content-type': 'application/json' },
    body: JSON.stringify({ object }),
  })
  // Other isolates of the location read the purge log once every ten seconds.
  const until = Date.now() + 2 * hitWithinMs
  let answer = await ask(wanted)
  while (answer.cache === 'HIT' && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    answer = await ask(wanted)
  }
  const ok = purged.status === 200 && answer.cache !== 'HIT'
  return [{ name, ok, found: `${purged.status}, then ${answer.cache}` }]
}

async function checkLimit({ url, isExhausted, hitWithinMs }: Target): Promise<readonly Check[]> {
  const wanted = rendition(url)
  const { headers } = await becomesHit(wanted, hitWithinMs)
  const declaredLimit = headers.get('ratelimit-limit')
  const name = 'limits'
  if (!isExhausted)
    return [
      {
        name,
        ok: true,
        found:
          declaredLimit === null
            ? 'not reported (the platform counts, or no limit is on)'
            : `${declaredLimit} per window`,
      },
    ]
  for (let sent = 1; sent <= MAX_REQUESTS; sent += 1) {
    const answer = await ask(wanted)
    if (answer.status !== 429) continue
    const retry = answer.headers.get('retry-after')
    return [{ name, ok: retry !== null, found: `429 after ${sent} requests, Retry-After ${retry}` }]
  }
  return [{ name, ok: false, found: `none in ${MAX_REQUESTS} requests` }]
}
