import { randomUUID } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  constants,
  createWriteStream,
  existsSync,
  fstatSync,
  open as openCallback,
  read as readCallback,
  readlinkSync,
} from 'node:fs'
import { access, mkdir, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { resolveRange } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure, rangeNotSatisfiable } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { GetOptions, ObjectInfo, ObjectStore, StoredObject } from '@media-proxy/shared/store/store.ts'
import { typeOfName } from '../media/type-of-name.ts'
import { nodeStreamOf } from '../streams/node-stream.ts'
import { fileBody } from './file-body.ts'

// Calls that may wait for a disk run on a thread. Reading the metadata of a file that was just opened, and
// closing it, does not wait, and costs a fiftieth of such a round trip when done synchronously.
const open = promisify(openCallback)
const readInto = promisify(readCallback)

const SMALL_FILE_BYTES = 1024 * 1024

/**
 * Creates a store in a folder: `<directory>/<bucket>/<key>`. Content types
 * follow from the names. A symbolic link may lead to another place inside its
 * bucket but never outside. Anything but a regular file is treated as missing.
 */
export function createFilesystemStore(directory: string): ObjectStore {
  const rootOf = createRoots(directory)
  const folderOf = (bucket: string): BucketFolder => ({
    path: join(directory, bucket),
    realPath: () => rootOf(bucket),
  })
  return {
    async head(bucket, key) {
      const opened = await openObject(join(directory, bucket, key), key, rootOf(bucket))
      if (isFailure(opened)) return opened
      closeSync(opened.descriptor)
      return opened.info
    },

    async get(bucket, key, options = {}) {
      const opened = await openObject(join(directory, bucket, key), key, rootOf(bucket))
      if (isFailure(opened)) return opened
      const { descriptor, info } = opened
      const size = info.sizeBytes
      const range = options.range === undefined ? undefined : resolveRange(options.range, size)
      if (range === 'unsatisfiable') {
        closeSync(descriptor)
        return rangeNotSatisfiable(size)
      }
      const { start, end } = range ?? { start: 0, end: size - 1 }
      const body = await read({ descriptor, info }, start, end - start + 1, options)
      if (isFailure(body)) return body
      return { info, ...(range === undefined ? {} : { range }), body } satisfies StoredObject
    },

    async put(bucket, key, bytes) {
      const path = join(directory, bucket, key)
      return replaceFile(path, { bucket: folderOf(bucket), write: (to) => writeFile(to, bytes) })
    },

    async upload(bucket, key, { body, sizeBytes, part }) {
      if (part !== undefined) {
        await discardBody(body)
        return fail('store-misconfigured', 'the filesystem store does not support multipart uploads')
      }
      const write = async (to: string) => {
        await pipeline(nodeStreamOf(body), createWriteStream(to, { flags: 'wx' }))
        if ((await stat(to)).size !== sizeBytes)
          throw new BodyError(fail('bad-request', 'a body of another length'))
      }
      const path = join(directory, bucket, key)
      const failure = await replaceFile(path, { bucket: folderOf(bucket), write })
      if (failure !== undefined) {
        // The body is not read at all when there is no place for it.
        if (!body.locked) await discardBody(body)
        return failure
      }
      const info = await this.head(bucket, key)
      return isFailure(info) || info.etag === undefined ? {} : { etag: info.etag }
    },

    async removeBelow(bucket, folder) {
      const path = join(directory, bucket, folder)
      try {
        const entries = await readdir(path, { recursive: true, withFileTypes: true })
        await rm(path, { recursive: true, force: true })
        return entries.filter((entry) => entry.isFile()).length
      } catch (error) {
        const failure = failureOf(error)
        return failure.code === 'not-found' ? 0 : failure
      }
    },

    async check(bucket) {
      try {
        const path = join(directory, bucket)
        const found = await stat(path)
        if (!found.isDirectory()) return fail('store-misconfigured', `${bucket} is not a folder`)
        await access(path, constants.R_OK | constants.X_OK)
        return undefined
      } catch (error) {
        const { code } = failureOf(error)
        return code === 'not-found'
          ? fail('store-misconfigured', `the folder of the bucket ${bucket} does not exist`)
          : failureOf(error)
      }
    },
  }
}

interface BucketFolder {
  readonly path: string
  /** Returns the path with symbolic links followed. */
  readonly realPath: () => Promise<string>
}

interface Replacement {
  readonly bucket: BucketFolder
  readonly write: (path: string) => Promise<void>
}

/**
 * Writes a file under another name and renames it when it is complete, so
 * that a reader sees the old file or the new one, never half of it. That name
 * is short, because the names of objects may be as long as the system allows.
 */
async function replaceFile(path: string, { bucket, write }: Replacement): Promise<Failure | undefined> {
  const folder = dirname(path)
  const unfinished = join(folder, `${randomUUID()}.part`)
  try {
    await mkdir(bucket.path, { recursive: true })
    // Checked before folders are created, which would otherwise be created outside.
    const [root, real] = await Promise.all([bucket.realPath(), realPathOfExisting(folder)])
    if (real !== root && !real.startsWith(root + sep))
      return fail('store-denied', 'a symbolic link leads out of the bucket')
    await mkdir(folder, { recursive: true })
    try {
      await write(unfinished)
      await rename(unfinished, path)
      return undefined
    } finally {
      await rm(unfinished, { force: true })
    }
  } catch (error) {
    return error instanceof BodyError ? error.failure : failureOf(error)
  }
}

/** Returns the real path of a folder, or of the closest folder above it that exists. */
async function realPathOfExisting(folder: string): Promise<string> {
  try {
    return await realpath(folder)
  } catch (error) {
    if (failureOf(error).code !== 'not-found' || dirname(folder) === folder) throw error
    return realPathOfExisting(dirname(folder))
  }
}

/** How long the real path of a bucket folder is cached, in milliseconds. */
const ROOT_MS = 1000

/** Returns a function that resolves the real path of the folder of a bucket, with symbolic links followed. */
function createRoots(directory: string): (bucket: string) => Promise<string> {
  const roots = new Map<string, { readonly path: Promise<string>; readonly until: number }>()
  return (bucket) => {
    const now = performance.now()
    const known = roots.get(bucket)
    if (known !== undefined && now < known.until) return known.path
    const path = realpath(join(directory, bucket))
    roots.set(bucket, { path, until: now + ROOT_MS })
    path.catch(() => roots.delete(bucket))
    return path
  }
}

type FileInfo = ObjectInfo & Required<Pick<ObjectInfo, 'sizeBytes' | 'etag' | 'lastModified'>>

interface OpenedFile {
  readonly descriptor: number
  readonly info: FileInfo
}

async function openObject(
  name: string,
  key: string,
  rootPath: Promise<string>,
): Promise<OpenedFile | Failure> {
  try {
    const [root, { descriptor, path }] = await Promise.all([rootPath, openRealPath(name)])
    const info = path.startsWith(root + sep) ? infoOf(descriptor, key) : OUTSIDE_BUCKET
    if (isFailure(info)) closeSync(descriptor)
    return isFailure(info) ? info : { descriptor, info }
  } catch (error) {
    return failureOf(error)
  }
}

const OUTSIDE_BUCKET = fail('not-found', 'a symbolic link leads out of the bucket')
/** On Linux, this folder has a link to the real path of each open file. */
const OPEN_FILES = '/proc/self/fd'
const HAS_PROC_FD = existsSync(OPEN_FILES)
// Without O_NONBLOCK, opening a named pipe would wait for its writer.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/** Opens a file and returns its descriptor and its real path, with symbolic links followed. */
async function openRealPath(name: string): Promise<{ readonly descriptor: number; readonly path: string }> {
  if (!HAS_PROC_FD) {
    const path = await realpath(name)
    return { descriptor: await open(path, OPEN_FLAGS | constants.O_NOFOLLOW), path }
  }
  const descriptor = await open(name, OPEN_FLAGS)
  return { descriptor, path: closedOnError(descriptor, () => readlinkSync(`${OPEN_FILES}/${descriptor}`)) }
}

function infoOf(descriptor: number, key: string): FileInfo | Failure {
  const found = closedOnError(descriptor, () => fstatSync(descriptor, { bigint: true }))
  if (!found.isFile()) return fail('not-found', 'not a regular file')
  const contentType = typeOfName(key)
  return {
    sizeBytes: Number(found.size),
    etag: validatorsOf(found),
    lastModified: found.mtime,
    ...(contentType === null ? {} : { contentType }),
  }
}

function closedOnError<T>(descriptor: number, work: () => T): T {
  try {
    return work()
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function validatorsOf({ size, mtimeNs, ino }: BigIntStats): string {
  return etagOf([size, mtimeNs, ino])
}

/**
 * Uses `join`, because V8 represents the result of a template
 * as a tree of its pieces, and thousands of these are kept.
 */
function etagOf(facts: readonly bigint[]): string {
  return ['"', facts.map((fact) => fact.toString(16)).join('-'), '"'].join('')
}

const REPLACED = fail('store-unreachable', 'the file was written to while it was read')

/**
 * Reads a range of a file. Small files are read before their body is returned, as one chunk. Fails, or errors at
 * the end of the stream, when the file was overwritten in place meanwhile: the bytes can then be a mixture of
 * two versions, which must not be cached under the ETag of one of them.
 */
async function read(
  { descriptor, info }: OpenedFile,
  start: number,
  length: number,
  { signal }: GetOptions,
): Promise<ReadableStream<Uint8Array> | Failure> {
  const isUnchanged = () => validatorsOf(fstatSync(descriptor, { bigint: true })) === info.etag
  if (length <= SMALL_FILE_BYTES) {
    try {
      const buffer = Buffer.allocUnsafe(Math.max(0, length))
      const { bytesRead } = await readInto(descriptor, buffer, 0, buffer.length, start)
      return isUnchanged() ? oneChunk(buffer.subarray(0, bytesRead)) : REPLACED
    } finally {
      closeSync(descriptor)
    }
  }
  return fileBody(descriptor, {
    start,
    end: start + length,
    onLastRead() {
      if (!isUnchanged()) throw new BodyError(REPLACED)
    },
    signal,
  })
}

function oneChunk(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}

const MISSING_CODES = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EISDIR', 'ENXIO'])

function failureOf(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code === undefined) throw error
  if (MISSING_CODES.has(code)) return fail('not-found')
  if (code === 'EACCES' || code === 'EPERM')
    return fail('store-denied', `${code}: the store's folder is not readable`)
  return fail('store-unreachable', code)
}
