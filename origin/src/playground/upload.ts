/**
 * Stores a file that was dropped on the page: in the uploads
 * bucket, and as an attachment in the public bucket.
 */

import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { encodeKey } from '@media-proxy/shared/request/object-key.ts'
import { type Failure, fail, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Exchange } from '../routes/exchange.ts'
import { discardRequest } from '../streams/discard-request.ts'

export interface UploadOptions {
  readonly storageDir: string
  readonly bucketUploads: string
  readonly bucketCdn: string
  readonly maxBytes: number
}

export interface Upload {
  /** The key in the uploads bucket. */
  readonly upload_filename: string
  /** The path of the copy in the public bucket. */
  readonly path: string
}

/**
 * Stores the request body. Fails with `bad-request` for an empty file, with `source-too-large`, or with
 * `store-denied` when the folder is not writable.
 */
export async function keepUpload(exchange: Exchange, options: UploadOptions): Promise<Upload | Failure> {
  const name = `playground-${randomBytes(6).toString('hex')}-${sanitizeName(exchange.url.searchParams.get('name'))}`
  const upload = join(options.storageDir, options.bucketUploads, name)
  const unfinished = `${upload}.part`
  const key = `attachments/playground/${name}`
  const copy = join(options.storageDir, options.bucketCdn, key)
  try {
    await Promise.all([dirname(upload), dirname(copy)].map((folder) => mkdir(folder, { recursive: true })))
    const written = await write(exchange, unfinished, options.maxBytes)
    if (isFailure(written)) return written
    await rename(unfinished, upload)
    await copyFile(upload, copy)
    return { upload_filename: name, path: `/${encodeKey(key)}` }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    if (code === undefined || exchange.signal.aborted) throw error
    return fail('store-denied', `${code}: the store’s folder cannot be written`)
  } finally {
    await rm(unfinished, { force: true })
  }
}

async function write(exchange: Exchange, path: string, maxBytes: number): Promise<Failure | undefined> {
  const declared = Number(exchange.headers.get('content-length') ?? 0)
  if (exchange.body === null) return failWithHint('bad-request', 'the file is empty')
  if (declared > maxBytes) {
    await discardRequest(exchange)
    return fail('source-too-large', `${declared} bytes`)
  }
  let bytes = 0
  const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      bytes += chunk.length
      if (bytes > maxBytes) return
      yield chunk
    }
  }
  await pipeline(Readable.from(counted(exchange.body)), createWriteStream(path, { flags: 'wx', mode: 0o600 }))
  if (bytes > maxBytes) return fail('source-too-large', `more than ${maxBytes} bytes`)
  return bytes === 0 ? failWithHint('bad-request', 'the file is empty') : undefined
}

const MAX_NAME_LENGTH = 60

/** Returns a name that is safe in any file system. It keeps the end, because that holds the extension. */
function sanitizeName(name: string | null): string {
  const sanitized = (name ?? '').replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+|\.{2,}/g, '')
  return sanitized.slice(-MAX_NAME_LENGTH) || 'file'
}
