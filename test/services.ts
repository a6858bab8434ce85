/** The setups against which responses are tested: real servers, on their own ports. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { openClassifier } from '@media-proxy/origin/assembly/scan.ts'
import { createStore } from '@media-proxy/origin/assembly/store.ts'
import { createHttpServer } from '@media-proxy/origin/http-server.ts'
import { createOrigin, type Origin, type OriginOptions } from '@media-proxy/origin/origin.ts'
import { createFilesystemStore } from '@media-proxy/origin/store/filesystem.ts'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { Miniflare } from 'miniflare'
import { pino } from 'pino'
import { type S3Server, writerTo } from './stores/s3-server.ts'
import { scaleTimeout } from './timeouts.ts'
import { createWorkerHarness } from './worker-harness.ts'

/** A way to reach the service: the origin itself, or the edge in front of it. */
export interface Service {
  readonly url: string
  /** Stores an object, in the bucket `cdn` by default. */
  put(key: string, bytes: Uint8Array, contentType?: string, bucket?: TestBucket): Promise<void>
  /** The log records of the origin so far. */
  readonly log: readonly LogLine[]
  /** The address of the origin. It equals `url`, unless the edge is in front. */
  readonly originUrl: string
  /** The store operations so far. */
  readonly storeOperations: readonly StoreOperation[]
  /** Delays every later read of the store, so that requests sent at the same time overlap there. */
  slowReads(milliseconds: number): void
  /** Holds every read of the store back until `release` is called. */
  holdReads(): { release(): void }
  close(): Promise<void>
}

/** A service whose store is a folder. */
export interface FilesystemService extends Service {
  readonly hotAnswers: Origin['hotAnswers']
  readonly directory: string
}

export type TestBucket = 'cdn' | 'uploads' | 'static'

export interface LogLine {
  readonly msg: string
  readonly route?: string
  readonly status?: number
  readonly outcome?: string
  readonly failure?: string
  readonly detail?: string
}

export interface StoreOperation {
  readonly operation: 'head' | 'get'
  readonly key: string
  bytes: number
}

/** Faults to inject. */
export type Faults = Pick<OriginOptions, 'crashOn'>

export type Settings = Readonly<Record<string, string>>

/** Opens an origin with a folder as its store. */
export async function openFilesystemOrigin(
  settings: Settings = {},
  faults: Faults = {},
): Promise<FilesystemService> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
  await mkdir(join(directory, 'cdn'))
  await mkdir(join(directory, 'uploads'))
  await mkdir(join(directory, 'static'))
  const origin = await openOrigin(
    createFilesystemStore(directory),
    {
      MEDIA_PROXY_STORAGE_DIR: directory,
      ...settings,
    },
    faults,
  )
  return {
    ...origin,
    directory,
    async put(key, bytes, _, bucket = 'cdn') {
      const path = join(directory, bucket, key)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, bytes)
    },
    async close() {
      await origin.close()
      await rm(directory, { recursive: true })
    },
  }
}

const S3_CREDENTIALS = {
  accessKeyId: 'test-access-key-of-32-characters',
  secretAccessKey: 'test-secret-access-key',
}

/** Opens an origin with a real S3 endpoint, which verifies signatures. */
export async function openS3Origin(settings: Settings = {}): Promise<Service> {
  return openOriginBefore(await openS3Server(), settings)
}

/** Opens an origin with an existing S3 server. The server is closed together with the origin. */
export async function openOriginBefore(s3: S3Server, settings: Settings = {}): Promise<Service> {
  const { endpoint, region, credentials } = s3
  const environment = {
    MEDIA_PROXY_S3_ENDPOINT: endpoint,
    MEDIA_PROXY_S3_REGION: region,
    MEDIA_PROXY_S3_ACCESS_KEY_ID: credentials.accessKeyId,
    MEDIA_PROXY_S3_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    MEDIA_PROXY_S3_TIMEOUT_MS: String(Math.round(scaleTimeout(5000))),
    ...settings,
  }
  const origin = await openOrigin(createStore(configOf(environment)), environment)
  return {
    ...origin,
    put: s3.put,
    async close() {
      await origin.close()
      await s3.close()
    },
  }
}

/** Opens an S3 server that keeps its objects in memory, with the credentials that `openS3Origin` uses. */
export async function openS3Server(): Promise<S3Server> {
  const miniflare = new Miniflare({
    modules: true,
    script: 'export default { fetch() { return new Response(null, { status: 404 }) } }',
    compatibilityDate: '2026-07-01',
    r2Buckets: {
      CDN: { id: 'cdn', s3Credentials: S3_CREDENTIALS },
      UPLOADS: { id: 'uploads', s3Credentials: S3_CREDENTIALS },
      STATIC: { id: 'static', s3Credentials: S3_CREDENTIALS },
      RENDITIONS: { id: 'renditions', s3Credentials: S3_CREDENTIALS },
    },
    cf: false,
    port: 0,
  })
  const base = await miniflare.ready
  const where = {
    endpoint: `${base.origin}/cdn-cgi/local/r2/s3`,
    region: 'auto',
    credentials: S3_CREDENTIALS,
  }
  return { ...where, ...writerTo(where), close: () => miniflare.dispose() }
}

/** Opens the worker in the real runtime, in front of an origin with a folder. */
export async function openEdge(settings: Settings = {}): Promise<FilesystemService> {
  return openEdgeBefore(await openFilesystemOrigin(settings), settings)
}

/** Opens the worker in front of an existing origin, which is closed together with the worker. */
export async function openEdgeBefore<D extends Service>(origin: D, settings: Settings = {}): Promise<D> {
  const vars = { MEDIA_PROXY_NODE_ENV: 'test', ...settings, MEDIA_PROXY_ORIGIN_URL: origin.originUrl }
  const harness = createWorkerHarness({
    workers: [{ configPath: join(import.meta.dirname, '../wrangler.toml'), vars }],
  })
  const { url } = await harness.listen()
  return {
    ...origin,
    url: url.origin,
    async close() {
      await harness.close()
      await origin.close()
    },
  }
}

export async function openOrigin(
  store: ObjectStore,
  settings: Settings,
  faults: Faults = {},
): Promise<Omit<Service, 'put'> & Pick<Origin, 'hotAnswers'>> {
  const environment = {
    MEDIA_PROXY_NODE_ENV: 'test',
    MEDIA_PROXY_LIMITS_DEADLINE_MS: String(scaleTimeout(30_000)),
    MEDIA_PROXY_LIMITS_CLIP_DEADLINE_MS: String(Math.min(600_000, scaleTimeout(120_000))),
    ...settings,
  }
  const config = configOf(environment)
  const log: LogLine[] = []
  const storeOperations: StoreOperation[] = []
  let beforeRead: () => Promise<unknown> | undefined = () => undefined
  const pinoLog = pino({ level: 'info' }, { write: (line: string) => log.push(JSON.parse(line)) })
  // Loading a model takes a second, so it is loaded only on request.
  const classifier =
    settings.MEDIA_PROXY_NSFW_ENABLED === 'true' ? openClassifier(config, pinoLog) : undefined
  await classifier?.loaded
  const app = await createOrigin({
    config,
    ...(classifier === undefined ? {} : { classifier }),
    store: observe(store, storeOperations, () => beforeRead()),
    // Allows a test to hide FFmpeg from one origin.
    environment: { ...process.env, ...settings },
    log: pinoLog,
    ...faults,
  })
  const server = createHttpServer(app).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    originUrl: `http://127.0.0.1:${port}`,
    hotAnswers: app.hotAnswers,
    log,
    storeOperations,
    slowReads(milliseconds) {
      beforeRead = () => (milliseconds > 0 ? pause(milliseconds) : undefined)
    },
    holdReads() {
      const { promise, resolve } = Promise.withResolvers<void>()
      beforeRead = () => promise
      return {
        release() {
          beforeRead = () => undefined
          resolve()
        },
      }
    },
    async close() {
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await app.close()
    },
  }
}

function configOf(environment: Settings): Config {
  const loaded = loadConfig('origin', { environment })
  if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
  return loaded.config
}

/** Wraps a store and records its operations and the number of bytes read. */
function observe(
  store: ObjectStore,
  operations: StoreOperation[],
  beforeRead: () => Promise<unknown> | undefined,
): ObjectStore {
  return {
    ...store,
    head(bucket, key, signal) {
      operations.push({ operation: 'head', key, bytes: 0 })
      return store.head(bucket, key, signal)
    },
    async get(bucket, key, options) {
      const operation: StoreOperation = { operation: 'get', key, bytes: 0 }
      operations.push(operation)
      await beforeRead()
      const object = await store.get(bucket, key, options)
      if (isFailure(object)) return object
      const counted = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          operation.bytes += chunk.length
          controller.enqueue(chunk)
        },
      })
      return { ...object, body: object.body.pipeThrough(counted) }
    },
  }
}
