/** HMAC-SHA256 with key rotation: the first key signs, every key verifies. */

/** Imported keys, ready for use. Never empty. */
export interface KeyRing {
  readonly signing: CryptoKey
  readonly verifying: readonly CryptoKey[]
}

const encoder = new TextEncoder()
const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' }

/** Length of a signature in bytes. */
export const SIGNATURE_BYTES = 32

/** Imports the UTF-8 bytes of each secret. Rejects if there is none, or an empty one. */
export async function createKeyRing(secrets: readonly string[]): Promise<KeyRing> {
  const keys = await Promise.all(
    secrets.map((secret) =>
      crypto.subtle.importKey('raw', encoder.encode(secret), ALGORITHM, false, ['sign', 'verify']),
    ),
  )
  const [signing] = keys
  if (signing === undefined || secrets.includes(''))
    throw new RangeError('a key ring needs non-empty secrets')
  return { signing, verifying: keys }
}

/** Signs the UTF-8 bytes of a message with the ring's first key. */
export async function sign(ring: KeyRing, message: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', ring.signing, encoder.encode(message)))
}

/**
 * Verifies in constant time against every key of the ring, so that the time taken does not tell which key,
 * or how much of a signature, was right.
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
