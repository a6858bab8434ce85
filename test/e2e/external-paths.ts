/** Signed paths of external media, and the settings of a service that accepts them. */

import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import type { Settings } from '../services.ts'

export const SECRET = 'secret'
export const KEYS: Settings = {
  MEDIA_PROXY_SECRET_KEY: `${SECRET},older`,
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  MEDIA_PROXY_PUBLIC_URL: 'https://media.example.com',
}

export async function path(target: string, query = '', secret = SECRET): Promise<string> {
  const expiry = /(?:^|&)ex=(\d+)/.exec(query)?.[1]
  const ring = await createKeyRing([secret])
  const signature = await signExternalTarget(ring, target, expiry === undefined ? undefined : Number(expiry))
  return `/external/${signature}/${target}${query === '' ? '' : `?${query}`}`
}

export const v2 = (url: string) => `v2/${Buffer.from(url).toString('base64url')}`
