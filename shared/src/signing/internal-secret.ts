/** Checks the secret of the internal endpoints. */

import { type Failure, fail } from '../response/failure.ts'
import { type KeyRing, sign, verify } from './hmac.ts'

/**
 * Checks `X-Internal-Secret` or `Authorization: Bearer` against every configured secret. Fails with
 * `bad-secret`. It compares MACs, so that the time reveals nothing about either text or its length.
 */
export async function checkInternalSecret(
  headers: Headers,
  secrets: readonly string[],
  comparison: KeyRing,
): Promise<Failure | undefined> {
  const given = headers.get('x-internal-secret') ?? bearer(headers.get('authorization'))
  if (given === undefined || secrets.length === 0) return fail('bad-secret', 'none given')
  const mac = new Uint8Array(await sign(comparison, given))
  const verdicts = await Promise.all(secrets.map((secret) => verify(comparison, secret, mac)))
  return verdicts.includes(true) ? undefined : fail('bad-secret')
}

function bearer(authorization: string | null): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
}

/** Creates a key ring for comparisons only, with a random key that never leaves the process. */
export async function createComparisonRing(): Promise<KeyRing> {
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  return { signing: key, verifying: [key] }
}
