/** Every setting of the service, for both doors, with its default (see docs/configuration.md, made of this). */

import * as z from 'zod'
import { ORDINARY_LOG_RATIO } from '../edge-costs.ts'
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

const MIB = 1024 * 1024

function group<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape).prefault({} as never)
}

export const configSchema = z.strictObject({
  nodeEnv: choice('Production requires secrets and keeps quiet.', ['development', 'production', 'test'], {
    default: 'development',
  }),
  secretKey: secrets('Signs external URLs and opens the internal endpoints.'),
  edgeSecretKey: secrets('Signs the requests of the edge worker to the origin.'),
  publicUrl: httpUrls(
    'Where clients reach the service, all of its names; the first names the keys of the edge cache. Media behind ' +
      'them are read from the store.',
  ),
  publicPath: urlPath('Prefix that both doors take before every path, such as /media.'),
  corsOrigins: originList('Origins whose scripts may read answers; * allows every one.'),
  originUrl: httpUrl('Where the edge worker reaches the origin.'),
  host: text('Address the origin listens on.', { default: '127.0.0.1' }),
  port: integer('Port the origin listens on; 0 takes a free one.', { min: 0, max: 65535, default: 8080 }),
  metricsPort: optionalInteger('Port of its own for /_metrics, which then answers whoever reaches it.', {
    min: 1,
    max: 65535,
  }),
  requireCloudflareEdge: flag('The origin answers only Cloudflare and the edge worker.', { default: false }),
  trustedProxies: list('Proxies whose X-Forwarded-For is believed.', {
    default: [],
    accepts: 'a comma-separated list of addresses and CIDR ranges',
    isEntry: isAddressOrRange,
  }),
  attachmentSignatures: choice(
    'Whether URLs of attachments must be signed; report only counts and logs what would be refused.',
    ['off', 'report', 'enforce'],
    { default: 'off' },
  ),
  attachmentSecrets: base64Secrets('Sign URLs of attachments.', { minBytes: 1 }),
  uploadRelaySecret: base64Secrets('Verifies upload tokens; without one there is no upload relay.', {
    minBytes: 32,
  }),
  explainErrors: optionalFlag(
    'A refusal says which parameter it is about and what that takes, or what of the file is refused; default only in ' +
      'development.',
  ),
  staticMode: flag('Serve the static bucket as a web site.', { default: false }),
  staticIndex: text('Object that a path ending in a slash reads in static mode.', { default: 'index.html' }),
  negotiateFormat: choice('Whether assets without a format negotiate AVIF.', ['edge', 'always', 'off'], {
    default: 'edge',
  }),
  presets: namedQueries('Parameters by name: preset=<name> stands for them.'),
  presetsOnly: flag('Public URLs may ask for presets, and for nothing else that makes another rendition.', {
    default: false,
  }),
  fallback: objectKey(
    'Object of the bucket cdn that is answered, as it was asked for, where an asset is missing.',
  ),
  storage: choice(
    'Where objects are. Without a choice: s3 where an endpoint is given.',
    ['auto', 's3', 'filesystem'],
    {
      default: 'auto',
    },
  ),
  storageDir: text('Folder of the filesystem store, a folder per bucket.', { default: '.data' }),
  s3: group(S3_SETTINGS),
  rateLimitConfig: group({
    enabled: flag('Limit requests by client address.', { default: false }),
    maxAttempts: integer('Requests a client may burst.', { min: 1, max: 1_000_000, default: 100 }),
    windowMs: integer('Time in which a spent budget is full again.', {
      min: 100,
      max: 86_400_000,
      default: 60_000,
    }),
    skipPaths: list('Paths without limit, exact or ending in *.', {
      default: ['/_health'],
      accepts: 'a comma-separated list of paths, each exact or ending in *',
    }),
    internalMaxAttempts: optionalInteger('Budget of the internal endpoints; default maxAttempts.', {
      min: 1,
      max: 1_000_000,
    }),
    badSignatureMaxAttempts: optionalInteger('Budget of wrong signatures; default a tenth of maxAttempts.', {
      min: 1,
      max: 1_000_000,
    }),
    renderMaxAttempts: optionalInteger(
      'Budget of requests that cost a render; a clip counts once a second of its duration, ten times where its URL tells none. Default none.',
      {
        min: 1,
        max: 1_000_000,
      },
    ),
    edgeDriver: choice(
      'What counts at the edge: a ledger, exactly; or the limiter of the platform (binding RATE_LIMITER), for nothing, ' +
        'and the ledger only what costs a render. auto: the platform where it is bound.',
      ['auto', 'ledger', 'platform', 'durable-object', 'binding'],
      { default: 'auto' },
    ),
  }),
  limits: group({
    sourceBytes: integer('Largest source that is decoded.', { min: 1, max: 8192 * MIB, default: 500 * MIB }),
    decodedBytes: integer('Most bytes a source may decode to, all frames together.', {
      min: 1024,
      max: 8192 * MIB,
      default: 512 * MIB,
    }),
    sidePixels: integer('Longest side of a source.', { min: 1, max: 16384, default: 16384 }),
    frames: integer('Most frames of an animation.', { min: 1, max: 10_000, default: 1000 }),
    deadlineMs: integer('Longest time from a request to its first byte.', {
      min: 100,
      max: 300_000,
      default: 30_000,
    }),
    sourceMemoryBytes: integer('Most bytes of sources that are in memory together, read or waiting.', {
      min: MIB,
      max: 256 * 1024 * MIB,
      default: 256 * MIB,
    }),
    // As much as one job may take: beside the server, the model and three idle processes all stays below 1.5 GiB.
    renderMemoryBytes: integer('Most predicted bytes of large jobs that run together.', {
      min: MIB,
      max: 256 * 1024 * MIB,
      default: 768 * MIB,
    }),
    streamIdleMs: integer('Longest that a client may take for 64 KiB of a stream before it is cut off.', {
      min: 1000,
      max: 3_600_000,
      default: 60_000,
    }),
    queuedRenders: integer('Renders that may wait for a place.', { min: 0, max: 100_000, default: 512 }),
    clips: integer('Clips that are made at the same time.', { min: 1, max: 256, default: 1 }),
    clipSeconds: integer('Longest clip, in seconds.', { min: 1, max: 600, default: 60 }),
    clipDeadlineMs: integer('Longest time from the request of a clip to its first byte.', {
      min: 1000,
      max: 600_000,
      default: 120_000,
    }),
    clipBytes: integer('A clip ends where it has so many bytes.', {
      min: 1024,
      max: 512 * MIB,
      default: 64 * MIB,
    }),
    avifPixels: integer('Largest rendition in AVIF, in pixels; what is larger is answered as WebP.', {
      min: 0,
      max: 268_435_456,
      default: 8_400_000,
    }),
    decoderMemoryBytes: integer('Address space of one FFmpeg process, where libav is not used.', {
      min: 256 * MIB,
      max: 64 * 1024 * MIB,
      default: 2048 * MIB,
    }),
    temporaryFileBytes: integer('Largest video that is put into a temporary file for FFmpeg.', {
      min: 0,
      max: 8192 * MIB,
      default: 256 * MIB,
    }),
    internalBodyBytes: integer('Largest body of a request to an internal endpoint.', {
      min: 1024,
      max: 512 * MIB,
      default: 48 * MIB,
    }),
    uploadBytes: integer('Largest upload through the relay.', {
      min: 1,
      max: 5 * 1024 * MIB,
      default: 500 * MIB,
    }),
    spoolBytes: integer('Uploads of unknown length that wait in temporary files, all together.', {
      min: 0,
      max: 1024 * 1024 * MIB,
      default: 1024 * MIB,
    }),
    base64Bytes: integer('Largest file that is answered as base64.', {
      min: 1024,
      max: 1024 * MIB,
      default: 128 * MIB,
    }),
  }),
  render: group({
    quality: choice(
      'Whether JPEG and WebP are read finely enough for a good filter to make them smaller, or as coarsely as their codecs can.',
      ['fine', 'fast'],
      { default: 'fine' },
    ),
  }),
  engine: group({
    processes: integer(
      'Jobs of small pictures at the same time, and as many of large ones; 0 is one more than there are processors.',
      { min: 0, max: 256, default: 0 },
    ),
    videos: integer('Jobs of videos at the same time; 0 is one per processor.', {
      min: 0,
      max: 256,
      default: 0,
    }),
    // A photograph of 24 megapixels as it is to WebP is predicted to take 600 MiB, to AVIF of 8.4 megapixels 415 MiB; with
    // the 90 MiB of an idle process no process comes to 1 GiB.
    memoryBytes: integer('Memory that one job may take; what is predicted to take more is refused.', {
      min: 64 * MIB,
      max: 64 * 1024 * MIB,
      default: 768 * MIB,
    }),
    cpuSeconds: integer('Processor time that one job may be predicted to take, in seconds.', {
      min: 1,
      max: 600,
      // Predictions are of the worst picture: a GIF of eleven megapixels is said to take 36 s, of a photograph it takes a
      // third of that, which the deadline allows.
      default: 40,
    }),
    renewAfterJobs: integer('Jobs after which a process is renewed.', {
      min: 1,
      max: 1_000_000,
      default: 2000,
    }),
    libav: flag('Decode videos in the process by libav (node-av) where it is installed, else by FFmpeg.', {
      default: true,
    }),
  }),
  cache: group({
    memoryBytes: integer('Renditions kept in the memory of the origin; 0 keeps none.', {
      min: 0,
      max: 64 * 1024 * MIB,
      default: 32 * MIB,
    }),
    memoryEntryBytes: integer(
      'Largest rendition kept in memory; a larger one, such as a clip, only for a minute after it was asked for.',
      {
        min: 1,
        max: 1024 * MIB,
        default: 8 * MIB,
      },
    ),
    memorySeconds: integer('Age at which the origin asks the store whether a rendition still holds.', {
      min: 0,
      max: 86_400,
      default: 120,
    }),
    edgeSeconds: integer('Age at which the edge asks the origin whether a copy still holds.', {
      min: 1,
      max: 31_536_000,
      default: 86_400,
    }),
    notFoundSeconds: integer('How long the edge remembers that there is no such object; 0 asks every time.', {
      min: 0,
      max: 3600,
      default: 30,
    }),
    cloudflareZone: optionalText('Zone id of publicUrl: a purge then reaches every location.'),
    cloudflareToken: optionalText('API token that may purge that zone.', { secret: true }),
    edgeDriver: choice(
      'What keeps renditions at the edge: the Cache API, for each location; or Workers Cache, which wrangler.toml has to ' +
        'switch on for the entrypoint KeptMedia, for all of them.',
      ['cache-api', 'workers-cache'],
      { default: 'cache-api' },
    ),
    edgeEntryBytes: integer('Largest body the edge keeps.', { min: 1, max: 512 * MIB, default: 32 * MIB }),
  }),
  external: group({
    allowedHosts: list('Hosts that external fetches may reach whatever their address and port.', {
      default: [],
      accepts: 'a comma-separated list of host or host:port',
      isEntry: isHost,
    }),
    ports: integerList('Ports that external fetches may reach besides 80 and 443.', {
      min: 1,
      max: 65535,
      default: [],
    }),
    nameServers: list("Name servers to resolve external hosts with; the system's where none is given.", {
      default: [],
      accepts: 'a comma-separated list of addresses, each with or without a port',
      isEntry: isServerAddress,
    }),
    userAgent: text('User-Agent of external fetches.', {
      default: 'Mozilla/5.0 (compatible; Fluxerbot/1.0; +https://fluxer.app)',
    }),
    timeoutMs: integer('Longest time of an external fetch, redirects and body included.', {
      min: 100,
      max: 300_000,
      default: 30_000,
    }),
  }),
  nsfwModelPath: optionalText('ONNX model that scans; default the bundled one.'),
  nsfw: group({
    enabled: flag('Scan uploads where their request asks for it; else no model is loaded.', {
      default: true,
    }),
    required: flag('The origin does not start without its model.', { default: false }),
    failClosed: flag('A scan that fails is answered with 503 instead of not flagging.', { default: false }),
    threshold: ratio('Probability above which media is flagged.', { min: 0, max: 1, default: 0.85 }),
    countHentai: flag('Count the class hentai too, which often hits harmless drawings.', { default: false }),
    onServe: choice(
      'What flagged attachments and external media become when they are served.',
      ['off', 'header', 'blur', 'block'],
      { default: 'off' },
    ),
    layout: choice("Order of the model's input: channels last or first.", ['nhwc', 'nchw'], {
      default: 'nhwc',
    }),
    colours: choice(
      "Colours of the model's input: RGB in 0..1, or BGR less the means of ImageNet.",
      ['rgb', 'bgr-caffe'],
      { default: 'rgb' },
    ),
    frames: integer(
      'Most evenly spaced frames of what moves that a scan looks at, beside the first one and the poster: 5 of up to a ' +
        'minute, one more for each minute beyond.',
      { min: 1, max: 60, default: 12 },
    ),
    threads: integer('Threads of one scan.', { min: 1, max: 64, default: 1 }),
    queuedScans: integer('Scans that may wait for the model.', { min: 1, max: 10_000, default: 64 }),
  }),
  playground: group({
    enabled: optionalFlag('The page /_playground, at both doors; default only in development.'),
  }),
  telemetry: group({
    enabled: flag('What /internal/telemetry reports.', { default: true }),
    otlpEndpoint: httpUrl('OTLP/HTTP receiver of traces and metrics; without one there are no traces.'),
    sampleRatio: ratio('Share of the traces that begin here.', { min: 0, max: 1, default: 0.01 }),
    edgeLogRatio: optionalRatio(
      'Share of the ordinary answers at the edge of which there is a log line and a data point, which the platform asks ' +
        `money for; what is refused or fails is always told. Default: ${ORDINARY_LOG_RATIO} in production, else 1.`,
      { min: 0, max: 1 },
    ),
    logLevel: choice('Least severe log line that is written.', ['silent', 'error', 'warn', 'info', 'debug'], {
      default: 'info',
    }),
  }),
})

/** The validated configuration. */
export type Config = z.output<typeof configSchema>

/** Share of the ordinary answers of which the edge tells. */
export function edgeLogRatioOf({ telemetry, nodeEnv }: Config): number {
  return telemetry.edgeLogRatio ?? (nodeEnv === 'production' ? ORDINARY_LOG_RATIO : 1)
}

/** Whether a 400 is followed by what it is about. */
export function explainsErrors({ explainErrors, nodeEnv }: Config): boolean {
  return explainErrors ?? nodeEnv === 'development'
}

/** Whether `/_playground` is answered. */
export function hasPlayground({ playground, nodeEnv, staticMode }: Config): boolean {
  return !staticMode && (playground.enabled ?? nodeEnv === 'development')
}

/** Whether `/_openapi.json` is answered. */
export function hasDescription({ nodeEnv, staticMode }: Config): boolean {
  return !staticMode && nodeEnv === 'development'
}

/** Whether `/` leads to the playground. */
export function leadsToPlayground(config: Config): boolean {
  return config.nodeEnv === 'development' && hasPlayground(config)
}
