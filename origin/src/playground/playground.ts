/** `/_playground`: the page, and the requests that only this page may send. */

import { join } from 'node:path'
import type { PlaygroundFiles } from '@media-proxy/playground/build.ts'
import { createExternalUrls } from '@media-proxy/shared/client/index.ts'
import { storageOf } from '@media-proxy/shared/config/load.ts'
import { type Config, hasPlayground, leadsToPlayground } from '@media-proxy/shared/config/schema.ts'
import type {
  PlaygroundAction,
  PlaygroundFile,
  PlaygroundRequest,
} from '@media-proxy/shared/request/media-request.ts'
import { validateMethod } from '@media-proxy/shared/request/parse.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { redirectResponse } from '@media-proxy/shared/response/plain.ts'
import * as z from 'zod'
import { isLocal } from '../gate/local-request.ts'
import { type Answer, type Exchange, reject } from '../routes/exchange.ts'
import { dispatchInternal, type InternalOptions } from '../routes/internal.ts'
import { readJsonBody } from '../routes/internal-body.ts'
import { validateHost, validatePage } from './guard.ts'
import { listObjectPaths, MAX_OBJECTS } from './objects.ts'
import { keepUpload } from './upload.ts'

export interface PlaygroundOptions {
  readonly config: Config
  readonly internal: InternalOptions
  /** Returns the progress of each clip that is being encoded, 0 to 1. */
  readonly clipProgress: () => readonly number[]
}

export type Playground = (request: PlaygroundRequest, exchange: Exchange) => Promise<Answer>

export function createPlayground(options: PlaygroundOptions): Playground {
  let files: Promise<PlaygroundFiles> | undefined
  const bundled = () => {
    // Imported on demand, because without a playground no bundler has to be installed.
    files ??= buildFiles().catch((error) => {
      files = undefined
      throw error
    })
    return files
  }
  if (hasPlayground(options.config)) {
    // Builds the page before the first visit. If that fails, each visit builds it again, and reports the
    // failure.
    bundled().catch(() => undefined)
  }
  return async (request, exchange) => {
    if (request.resource === 'entrance') return answerEntrance(request, exchange, options)
    const answer = await answerPlayground(request, exchange, options, bundled)
    // Other origins must not read any of these responses, including rejections.
    answer.response.headers.delete('access-control-allow-origin')
    return answer
  }
}

async function buildFiles(): Promise<PlaygroundFiles> {
  const { buildPlayground } = await import('@media-proxy/playground/build.ts')
  return buildPlayground()
}

function answerEntrance(
  request: PlaygroundRequest,
  exchange: Exchange,
  { config }: PlaygroundOptions,
): Answer {
  if (!leadsToPlayground(config)) return reject(fail('no-route'), exchange.requestId)
  const rejected = validateMethod(request, exchange.method)
  return rejected === undefined
    ? { response: redirectResponse('/_playground', exchange) }
    : reject(rejected, exchange.requestId)
}

async function answerPlayground(
  request: PlaygroundRequest,
  exchange: Exchange,
  options: PlaygroundOptions,
  files: () => Promise<PlaygroundFiles>,
): Promise<Answer> {
  const { requestId, method, requestLimits } = exchange
  const { config } = options
  const { resource } = request
  if (!hasPlayground(config) || resource === 'entrance') return reject(fail('no-route'), requestId)
  const wrongMethod = validateMethod(request, method)
  if (wrongMethod !== undefined) return reject(wrongMethod, requestId)
  if (isFile(resource)) {
    const rejected = validateHost(exchange, config.publicUrl) ?? (await requestLimits.consume('requests'))
    return rejected === undefined
      ? fileAnswer(resource, await files(), exchange)
      : reject(rejected, requestId)
  }
  const rejected =
    validatePage(exchange, config.publicUrl) ??
    (await requestLimits.consume('internal')) ??
    (resource === 'session' ? undefined : await checkAuthority(exchange, options))
  if (rejected !== undefined) return reject(rejected, requestId)
  const answer = await act(resource, exchange, options)
  return isFailure(answer) ? reject(answer, requestId) : answer
}

/** Checks that the request comes from this machine or carries the secret. Fails with `bad-secret`. */
async function checkAuthority(
  exchange: Exchange,
  { internal }: PlaygroundOptions,
): Promise<Failure | undefined> {
  if (isLocal(exchange)) return undefined
  const rejected = await internal.checkSecret(exchange.headers)
  return rejected === undefined
    ? undefined
    : ((await exchange.requestLimits.consume('bad-signatures')) ?? rejected)
}

async function act(
  action: PlaygroundAction,
  exchange: Exchange,
  options: PlaygroundOptions,
): Promise<Answer | Failure> {
  const { config, internal } = options
  switch (action) {
    case 'session':
      return json(await sessionOf(exchange, options), exchange)
    case 'sign':
      return signFor(exchange, config)
    case 'upload': {
      if (!takesUploads(config)) return fail('forbidden', 'only a folder in development takes uploads')
      const kept = await keepUpload(exchange, {
        storageDir: config.storageDir,
        bucketUploads: config.s3.bucketUploads,
        bucketCdn: config.s3.bucketCdn,
        maxBytes: config.limits.sourceBytes,
      })
      return isFailure(kept) ? kept : json(kept, exchange)
    }
    case 'progress':
      return json({ clips: options.clipProgress() }, exchange)
    case 'metadata':
    case 'frames':
      return dispatchInternal(action, exchange, internal)
  }
}

/** Returns the capabilities of the page for this client. */
async function sessionOf(exchange: Exchange, options: PlaygroundOptions) {
  const { config } = options
  const trusted = (await checkAuthority(exchange, options)) === undefined
  const listed = trusted && storageOf(config) === 'filesystem'
  return {
    trusted,
    signs: trusted && config.secretKey.length > 0,
    uploads: trusted && takesUploads(config),
    attachmentsSigned: config.attachmentSignatures === 'enforce',
    maxUploadBytes: config.limits.sourceBytes,
    presets: Object.keys(config.presets),
    buckets: { cdn: config.s3.bucketCdn, uploads: config.s3.bucketUploads },
    maxObjects: MAX_OBJECTS,
    objects: listed ? await listObjectPaths(join(config.storageDir, config.s3.bucketCdn)) : [],
  }
}

function takesUploads(config: Config): boolean {
  return config.nodeEnv === 'development' && storageOf(config) === 'filesystem'
}

const signSchema = z.object({
  url: z.string().max(8192),
  expiresInSeconds: z.int().min(1).max(31_536_000).optional(),
})
const MAX_SIGN_BYTES = 32 * 1024

async function signFor(exchange: Exchange, { secretKey }: Config): Promise<Answer | Failure> {
  const body = await readJsonBody(exchange, signSchema, MAX_SIGN_BYTES)
  if (isFailure(body)) return body
  const [key] = secretKey
  if (key === undefined) return fail('bad-field', 'no secretKey is configured')
  try {
    const { url, expiresInSeconds } = body
    const path = await createExternalUrls({ baseUrl: '', secretKey: key }).sign(
      url,
      expiresInSeconds === undefined ? {} : { expiresInSeconds },
    )
    return json({ path }, exchange)
  } catch (error) {
    if (error instanceof RangeError) return fail('bad-field', error.message)
    throw error
  }
}

function isFile(resource: PlaygroundRequest['resource']): resource is PlaygroundFile {
  return resource === 'page' || resource === 'script' || resource === 'style'
}

const CONTENT_TYPES: Readonly<Record<PlaygroundFile, string>> = {
  page: 'text/html; charset=utf-8',
  script: 'text/javascript; charset=utf-8',
  style: 'text/css; charset=utf-8',
}

/** The page loads only from its own host, runs only its own script file, and cannot be framed. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
  "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

function fileAnswer(file: PlaygroundFile, files: PlaygroundFiles, exchange: Exchange): Answer {
  return own(files[file], exchange, {
    'content-type': CONTENT_TYPES[file],
    'content-security-policy': CONTENT_SECURITY_POLICY,
  })
}

function json(value: unknown, exchange: Exchange): Answer {
  return own(JSON.stringify(value), exchange, { 'content-type': 'application/json' })
}

function own(text: string, { method, requestId }: Exchange, headers: Record<string, string>): Answer {
  const bytes = new TextEncoder().encode(text)
  const response = new Response(method === 'HEAD' ? null : bytes, {
    headers: {
      ...headers,
      'content-length': String(bytes.length),
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': 'noindex',
      'x-request-id': requestId,
    },
  })
  return { response }
}
