/** HMAC-SHA256 with key rotation: the first key signs, every key verifies. */

/** A non-empty list of imported keys. */
export interface KeyRing {
  readonly signing: CryptoKey
  readonly verifying: readonly CryptoKey[]
}

const encoder = new TextEncoder()
const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' }

/** The length of a signature, in bytes. */
export const SIGNATURE_BYTES = 32

/** Imports the UTF-8 bytes of each secret. Rejects when there are no secrets or one is empty. */
export function createKeyRing(secrets: readonly string[]): Promise<KeyRing> {
  return importKeys(secrets.map((secret) => encoder.encode(secret)))
}

/** Imports secrets in base64 or base64url, with or without padding. Rejects as `createKeyRing` does. */
export function createBase64KeyRing(secrets: readonly string[]): Promise<KeyRing> {
  return importKeys(
    secrets.map((secret) =>
      Uint8Array.from(
        atob(secret.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')),
        (character) => character.charCodeAt(0),
      ),
    ),
  )
}

async function importKeys(secrets: readonly Uint8Array<ArrayBuffer>[]): Promise<KeyRing> {
  const keys = await Promise.all(
    secrets.map((secret) => crypto.subtle.importKey('raw', secret, ALGORITHM, false, ['sign', 'verify'])),
  )
  const [signing] = keys
  if (signing === undefined || secrets.some(({ length }) => length === 0))
    throw new RangeError('a key ring needs non-empty secrets')
  return { signing, verifying: keys }
}

/** Signs the UTF-8 bytes of a message with the ring's first key. */
export async function sign(ring: KeyRing, message: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', ring.signing, encoder.encode(message)))
}

/**
 * Verifies in constant time against every key of the ring, so that the time does not reveal which key matched
 * or how much of a signature was correct.
 */
export async function verify(
  ring: KeyRing,
  message: string,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const bytes = encoder.encode(message)
  const verdicts = await Promise.all(
    ring.verifying.map((key) => crypto.subtle.verify('HMAC', key, signature, bytes)),
  )
  return verdicts.includes(true)
}
