/** The configuration and tokens for tests of the upload relay. */

import { createBase64KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { signUploadToken, type UploadGrant } from '@media-proxy/shared/signing/upload-token.ts'

export const SECRET = Buffer.alloc(32, 3).toString('base64')
export const INTERNAL = 'internal-secret'
export const SETTINGS = {
  MEDIA_PROXY_UPLOAD_RELAY_SECRET: SECRET,
  MEDIA_PROXY_SECRET_KEY: INTERNAL,
  MEDIA_PROXY_LIMITS_UPLOAD_BYTES: '5000000',
  MEDIA_PROXY_LIMITS_SPOOL_BYTES: '4000000',
  MEDIA_PROXY_CORS_ORIGINS: 'https://app.example.com',
}

export async function token(change: Partial<UploadGrant> = {}, secret = SECRET): Promise<string> {
  return signUploadToken(await createBase64KeyRing([secret]), {
    bucket: 'uploads',
    key: 'folder/a b',
    method: 'put',
    maxBytes: 5_000_000,
    expiresAt: Math.floor(Date.now() / 1000) + 60,
    ...change,
  })
}

export const pathOf = (uploadToken: string, key = 'folder/a b', more = '') =>
  `/v1/relay/${encodeURIComponent(key)}?t=${uploadToken}${more}`
