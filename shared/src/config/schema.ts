/** Every setting of the edge and the origin, with its default. docs/configuration.md is generated from it. */

import * as z from 'zod'
import { ORDINARY_LOG_RATIO } from '../edge-costs.ts'
import { CACHE_SETTINGS } from './cache-settings.ts'
import { ENGINE_SETTINGS } from './engine-settings.ts'
import { LIMIT_SETTINGS } from './limit-settings.ts'
import { isAddressOrRange, isHost, isServerAddress } from './network-names.ts'
import { S3_SETTINGS } from './s3-settings.ts'
import {
  base64Secrets,
  choice,
  flag,
  httpUrl,
  httpUrls,
  integer,
  integerList,
  list,
  namedQueries,
  objectKey,
  optionalFlag,
  optionalInteger,
  optionalRatio,
  optionalText,
  originList,
  ratio,
  secrets,
  text,
  urlPath,
} from './settings.ts'

function group<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape).prefault({} as never)
}

export const configSchema = z.strictObject({
  nodeEnv: choice(
    'The environment. `production` requires the secrets. `development` turns on the playground and error explanations ' +
      'by default, and makes logs readable for people.',
    ['development', 'production', 'test'],
    { default: 'development' },
  ),
  secretKey: secrets(
    'The secret that signs external URLs and authorises requests to the internal endpoints.',
  ),
  edgeSecretKey: secrets('The secret that signs the requests of the edge worker to the origin.'),
  publicUrl: httpUrls(
    'The base URLs at which clients reach the service. The first one is part of the keys of the edge cache. Media URLs ' +
      'with one of these hosts are read from the store.',
  ),
  publicPath: urlPath('A path prefix that the edge and the origin accept before every path, such as /media.'),
  corsOrigins: originList('The origins whose scripts may read responses. * allows every origin.'),
  originUrl: httpUrl('The URL at which the edge worker reaches the origin.'),
  host: text('The address that the origin listens on.', { default: '127.0.0.1' }),
  port: integer('The port that the origin listens on. 0 selects a free port.', {
    min: 0,
    max: 65535,
    default: 8080,
  }),
  metricsPort: optionalInteger('A separate port for /_metrics, which then requires no authorisation.', {
    min: 1,
    max: 65535,
  }),
  requireCloudflareEdge: flag(
    'Whether the origin accepts requests only from Cloudflare and the edge worker.',
    {
      default: false,
    },
  ),
  trustedProxies: list('The proxies whose X-Forwarded-For is trusted.', {
    default: [],
    accepts: 'a comma-separated list of addresses and CIDR ranges',
    isEntry: isAddressOrRange,
  }),
  attachmentSignatures: choice(
    'Whether attachment URLs must be signed. `report` only counts and logs the requests that `enforce` would reject.',
    ['off', 'report', 'enforce'],
    { default: 'off' },
  ),
  attachmentSecrets: base64Secrets('The secrets that sign attachment URLs.', { minBytes: 1 }),
  uploadRelaySecret: base64Secrets(
    'The secret that verifies upload tokens. Without it, the upload relay is off.',
    {
      minBytes: 32,
    },
  ),
  explainErrors: optionalFlag(
    'Whether error responses name the rejected parameter and its accepted values, or the reason why a file was rejected. ' +
      'Default: only in development.',
  ),
  staticMode: flag('Serves the static bucket as a web site.', { default: false }),
  staticIndex: text('The object that is served for a path that ends with a slash in static mode.', {
    default: 'index.html',
  }),
  negotiateFormat: choice(
    'Whether assets without a format parameter may be served as AVIF: for requests through the edge, always, or never.',
    ['edge', 'always', 'off'],
    { default: 'edge' },
  ),
  presets: namedQueries('Named parameters. `preset=<name>` in a URL stands for them.'),
  presetsOnly: flag('Whether public URLs may select a rendition only with a preset.', { default: false }),
  fallback: objectKey(
    'The object in the bucket `s3.bucketCdn` that is rendered in place of a missing asset.',
  ),
  storage: choice(
    'The store of the objects. `auto` selects s3 when an endpoint is set, else filesystem.',
    ['auto', 's3', 'filesystem'],
    {
      default: 'auto',
    },
  ),
  storageDir: text('The folder of the filesystem store. It has one folder per bucket.', { default: '.data' }),
  s3: group(S3_SETTINGS),
  rateLimitConfig: group({
    enabled: flag('Limits requests by client address.', { default: false }),
    maxAttempts: integer('The budget of a client, in requests. A client may spend it at once.', {
      min: 1,
      max: 1_000_000,
      default: 100,
    }),
    windowMs: integer('The time in which an empty budget refills completely, in milliseconds.', {
      min: 100,
      max: 86_400_000,
      default: 60_000,
    }),
    skipPaths: list('The paths without a rate limit, exact or ending in *.', {
      default: ['/_health'],
      accepts: 'a comma-separated list of paths, each exact or ending in *',
    }),
    internalMaxAttempts: optionalInteger('The budget for the internal endpoints. Default: maxAttempts.', {
      min: 1,
      max: 1_000_000,
    }),
    badSignatureMaxAttempts: optionalInteger(
      'The budget for requests with a wrong signature. Default: a tenth of maxAttempts.',
      {
        min: 1,
        max: 1_000_000,
      },
    ),
    renderMaxAttempts: optionalInteger(
      'The budget for requests that need a render. A clip counts once per second of its duration parameter, or ten times ' +
        'without one. Default: no limit.',
      {
        min: 1,
        max: 1_000_000,
      },
    ),
    edgeDriver: choice(
      'The rate limiter of the edge. `ledger` counts all requests exactly, in Durable Objects. `platform` uses the rate ' +
        'limiter of Cloudflare (binding RATE_LIMITER), which is free, and the ledger only for renders and wrong ' +
        'signatures. `auto` is `platform` when that is bound, else `ledger`. `durable-object` and `binding` are other ' +
        'names of `ledger` and `platform`.',
      ['auto', 'ledger', 'platform', 'durable-object', 'binding'],
      { default: 'auto' },
    ),
  }),
  limits: group(LIMIT_SETTINGS),
  render: group({
    quality: choice(
      'How JPEG and WebP sources are scaled down. `fine` leaves enough of the scaling to a good filter. `fast` lets the ' +
        'codecs scale as far as they can while they decode, and encodes JPEG without progressive passes.',
      ['fine', 'fast'],
      { default: 'fine' },
    ),
  }),
  engine: group(ENGINE_SETTINGS),
  cache: group(CACHE_SETTINGS),
  external: group({
    allowedHosts: list('The hosts that external fetches may reach at any address and port.', {
      default: [],
      accepts: 'a comma-separated list of host or host:port',
      isEntry: isHost,
    }),
    ports: integerList('The ports that external fetches may reach in addition to 80 and 443.', {
      min: 1,
      max: 65535,
      default: [],
    }),
    nameServers: list('The name servers that resolve external hosts. Default: those of the system.', {
      default: [],
      accepts: 'a comma-separated list of addresses, each with or without a port',
      isEntry: isServerAddress,
    }),
    userAgent: text('The User-Agent of external fetches.', {
      default: 'Mozilla/5.0 (compatible; Fluxerbot/1.0; +https://fluxer.app)',
    }),
    timeoutMs: integer(
      'The timeout of an external fetch, including redirects and the body, in milliseconds.',
      {
        min: 100,
        max: 300_000,
        default: 30_000,
      },
    ),
  }),
  nsfwModelPath: optionalText('The path of the ONNX model for scans. Default: the bundled model.'),
  nsfw: group({
    enabled: flag('Scans uploads whose request asks for it. When false, no model is loaded.', {
      default: true,
    }),
    required: flag('Whether a missing model prevents the start of the origin.', { default: false }),
    failClosed: flag('Whether a failed scan leads to a 503 instead of an unflagged result.', {
      default: false,
    }),
    threshold: ratio('The probability above which media are flagged.', { min: 0, max: 1, default: 0.85 }),
    countHentai: flag('Also counts the class hentai, which often matches harmless drawings.', {
      default: false,
    }),
    onServe: choice(
      'How flagged attachments and external media are served.',
      ['off', 'header', 'blur', 'block'],
      { default: 'off' },
    ),
    layout: choice(
      "The memory layout of the model's input: channels last (`nhwc`) or first (`nchw`).",
      ['nhwc', 'nchw'],
      {
        default: 'nhwc',
      },
    ),
    colours: choice(
      "The colours of the model's input: RGB in 0..1 (`rgb`), or BGR minus the ImageNet means (`bgr-caffe`).",
      ['rgb', 'bgr-caffe'],
      { default: 'rgb' },
    ),
    frames: integer(
      'The largest number of evenly spaced frames of a video or an animation that a scan examines, in addition to the ' +
        'first frame and the poster. The number is 5 up to a duration of one minute, and one more for each further minute.',
      { min: 1, max: 60, default: 12 },
    ),
    threads: integer('The number of threads of one scan.', { min: 1, max: 64, default: 1 }),
    queuedScans: integer('The largest number of scans that wait for the model.', {
      min: 1,
      max: 10_000,
      default: 64,
    }),
  }),
  playground: group({
    enabled: optionalFlag(
      'Serves the page /_playground at the edge and the origin. Default: only in development.',
    ),
  }),
  telemetry: group({
    enabled: flag('The value that /internal/telemetry reports.', { default: true }),
    otlpEndpoint: httpUrl('The OTLP/HTTP receiver of traces and metrics. Without it, there are no traces.'),
    sampleRatio: ratio('The share of traces that are sampled among those that start here.', {
      min: 0,
      max: 1,
      default: 0.01,
    }),
    edgeLogRatio: optionalRatio(
      'The share of ordinary responses at the edge for which a log record and a data point are written, which the platform ' +
        `charges for. Rejected and failed requests are always recorded. Default: ${ORDINARY_LOG_RATIO} in production, else 1.`,
      { min: 0, max: 1 },
    ),
    logLevel: choice(
      'The lowest severity of log records that are written.',
      ['silent', 'error', 'warn', 'info', 'debug'],
      {
        default: 'info',
      },
    ),
  }),
})

/** The validated configuration. */
export type Config = z.output<typeof configSchema>

/** Returns the share of ordinary responses that the edge logs. */
export function edgeLogRatioOf({ telemetry, nodeEnv }: Config): number {
  return telemetry.edgeLogRatio ?? (nodeEnv === 'production' ? ORDINARY_LOG_RATIO : 1)
}

/** Whether error responses include an explanation. */
export function explainsErrors({ explainErrors, nodeEnv }: Config): boolean {
  return explainErrors ?? nodeEnv === 'development'
}

/** Whether the service serves `/_playground`. */
export function hasPlayground({ playground, nodeEnv, staticMode }: Config): boolean {
  return !staticMode && (playground.enabled ?? nodeEnv === 'development')
}

/** Whether the service serves `/_openapi.json`. */
export function hasDescription({ nodeEnv, staticMode }: Config): boolean {
  return !staticMode && nodeEnv === 'development'
}

/** Whether `/` redirects to the playground. */
export function leadsToPlayground(config: Config): boolean {
  return config.nodeEnv === 'development' && hasPlayground(config)
}
