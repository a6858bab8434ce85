/** The common interface of all S3 servers in the tests. */

import { AwsClient } from 'aws4fetch'
import type { TestBucket } from '../services.ts'

export const BUCKETS = ['cdn', 'uploads', 'static', 'renditions'] as const

export interface S3Server {
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  put(key: string, bytes: Uint8Array, contentType?: string, bucket?: TestBucket): Promise<void>
  /** Stores an object with additional headers, such as `content-encoding`. */
  putWith(
    key: string,
    bytes: Uint8Array,
    headers: Readonly<Record<string, string>>,
    bucket?: TestBucket,
  ): Promise<void>
  close(): Promise<unknown>
}

type Where = Pick<S3Server, 'endpoint' | 'region' | 'credentials'>

/** Returns functions that write to a server with a client other than the one under test. */
export function writerTo({ endpoint, region, credentials }: Where): Pick<S3Server, 'put' | 'putWith'> {
  const client = new AwsClient({ ...credentials, region, service: 's3' })
  const putWith: S3Server['putWith'] = async (key, bytes, headers, bucket = 'cdn') => {
    const response = await client.fetch(`${endpoint}/${bucket}/${strictlyEncoded(key)}`, {
      method: 'PUT',
      body: new Uint8Array(bytes),
      headers: { ...headers },
    })
    if (!response.ok) throw new Error(`cannot store ${key}: ${response.status} ${await response.text()}`)
    await response.body?.cancel()
  }
  return {
    putWith,
    put: (key, bytes, contentType = 'application/octet-stream', bucket = 'cdn') =>
      putWith(key, bytes, { 'content-type': contentType }, bucket),
  }
}

/** Encodes a key byte by byte, strictly by RFC 3986. */
export function strictlyEncoded(key: string): string {
  return Array.from(new TextEncoder().encode(key), (byte) => {
    const character = String.fromCharCode(byte)
    return /[A-Za-z0-9._~/-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')
}
