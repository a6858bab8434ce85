/** `pnpm sign <url> [--expires 1h] [--width 400 ...]`: prints a signed external URL. */

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadOriginConfig } from '@media-proxy/origin/config.ts'
import { createExternalUrls } from '@media-proxy/shared/client/index.ts'
import { PARAMETER_GUIDE } from '@media-proxy/shared/request/parameter-guide.ts'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { presetRules } from '@media-proxy/shared/request/preset-rules.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { signExternalPath } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { localSecrets } from './local-secrets.ts'
import { ROOT } from './origin-process.ts'

const TRANSFORMATIONS = PARAMETER_GUIDE.filter(({ on }) => on !== 'asset').map(({ name }) => name)

const USAGE = `usage: pnpm sign <url> [--expires 1h] [--base http://127.0.0.1:8787] [--v3] [--<parameter> <value> ...]
parameters: ${TRANSFORMATIONS.join(' ')}
--v3: the signature covers the parameters too.
The key is MEDIA_PROXY_SECRET_KEY, else the one that pnpm start keeps in its data folder.`

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const text = { type: 'string' } as const

try {
  console.log(process.argv.includes('--help') || process.argv.includes('-h') ? USAGE : await sign())
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  console.error(USAGE)
  process.exitCode = 1
}

async function sign(): Promise<string> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      expires: text,
      base: text,
      v3: { type: 'boolean' },
      ...Object.fromEntries(TRANSFORMATIONS.map((name) => [name, text] as const)),
    },
  })
  const [url] = positionals
  if (url === undefined || positionals.length > 1) throw new Error('Give one URL to sign.')
  const { expires, base, v3, ...parameters } = values
  const loaded = loadOriginConfig(process.env)
  if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
  const { config } = loaded
  const { MEDIA_PROXY_SECRET_KEY: keys } = await localSecrets(resolve(ROOT, config.storageDir), config)
  const baseUrl = base ?? config.publicUrl[0] ?? `http://127.0.0.1:${process.env.EDGE_PORT ?? 8787}`
  const secretKey = keys.split(',')[0] ?? keys
  const urls = createExternalUrls({ baseUrl, secretKey })
  // The parameters are passed on as given, and validated by the grammar of the service below.
  const signed = new URL(
    await urls.sign(url, expires === undefined ? {} : { expiresInSeconds: secondsOf(expires) }),
  )
  for (const [name, value] of Object.entries(parameters)) signed.searchParams.set(name, String(value))
  if (v3) {
    const ring = await createKeyRing([secretKey])
    signed.pathname =
      new URL(baseUrl).pathname.replace(/\/$/, '') +
      (await signExternalPath(ring, new URL(url).href, signed.searchParams))
  }
  const parsed = parseRequest(signed, { accept: null, assets: false, ...presetRules(config) })
  if (isFailure(parsed)) throw new Error(`The service would reject this: ${parsed.detail ?? parsed.code}.`)
  return signed.href
}

function secondsOf(text: string): number {
  const [, amount, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
  if (amount === undefined) throw new Error(`--expires: found ${text}; accepted: 90, 90s, 15m, 1h, 7d`)
  return Number(amount) * (UNIT_SECONDS[unit] ?? 1)
}
