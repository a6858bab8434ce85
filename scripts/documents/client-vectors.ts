/**
 * Generates `clients/vectors.json`, which the clients of all languages are tested against. The grammar of the
 * service decides which values are accepted, and the TypeScript client which URLs result.
 */

import {
  type AssetKind,
  type AssetUrlOptions,
  createAttachmentUrls,
  createExternalUrls,
  createMediaUrls,
  createUploadUrls,
  type TransformationParameters,
} from '@media-proxy/shared/client/index.ts'
import { IMAGE_ROUTES } from '@media-proxy/shared/request/media-request.ts'
import {
  acceptedValues,
  inOrder,
  type Parameters,
  samplesOf,
  VALUES,
  type Value,
} from './parameter-samples.ts'

const BASE_URL = 'https://media.example.com'
const SECRET_KEY = 'secret'
const BASE64_SECRET = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='

/** A call of a client. `url` is null when the client rejects it, because the service would. */
interface UrlVector {
  readonly call: keyof typeof CALLS
  readonly arguments: Parameters
  readonly parameters: Parameters
  readonly url: string | null
}

/** Returns the text of the file. */
export async function clientVectors(): Promise<string> {
  const urls: UrlVector[] = []
  for (const [call, given, parameters] of calls()) {
    const ordered = inOrder(parameters)
    urls.push({ call, arguments: given, parameters: ordered, url: await attempt(call, given, ordered) })
  }
  return `{
"comment": "Generated from the client in TypeScript by scripts/documents/client-vectors.ts; do not edit.",
"baseUrl": ${JSON.stringify(BASE_URL)},
"secretKey": ${JSON.stringify(SECRET_KEY)},
"base64Secret": ${JSON.stringify(BASE64_SECRET)},
"values": ${JSON.stringify(VALUES)},
"accepted": {
"asset": ${lines('{', Object.entries(acceptedValues('asset')).map(member), '}')},
"transformation": ${lines('{', Object.entries(acceptedValues('transformation')).map(member), '}')}
},
"urls": ${lines(
    '[',
    urls.map((vector) => JSON.stringify(vector)),
    ']',
  )}
}
`
}

/** One line per item, so that a diff shows exactly the items that change. */
function lines(open: string, items: readonly string[], close: string): string {
  return `${open}\n${items.join(',\n')}\n${close}`
}

function member([name, value]: readonly [string, unknown]): string {
  return `${JSON.stringify(name)}: ${JSON.stringify(value)}`
}

type Call = readonly [call: keyof typeof CALLS, given: Parameters, parameters: Parameters]

function calls(): readonly Call[] {
  return [...assetCalls(), ...fileCalls(), ...attachmentCalls(), ...externalCalls(), ...uploadCalls()]
}

function assetCalls(): readonly Call[] {
  const id = '100000000000000001'
  const asset = (change: Parameters, parameters: Parameters = {}): Call => [
    'asset',
    { kind: 'avatars', id, hash: 'abc', extension: 'webp', ...change },
    parameters,
  ]
  const names = [
    '',
    '.',
    '..',
    'a/b',
    'a b',
    'ä',
    'a.b',
    'a%2e',
    'x'.repeat(64),
    'x'.repeat(65),
    'A-_z',
    'a\n',
  ]
  return [
    ...IMAGE_ROUTES.map((kind) => asset({ kind })),
    ...['png', 'apng', 'jpg', 'jpeg', 'gif', 'avif', 'svg', 'heic', 'jxl', 'bmp', ''].map((extension) =>
      asset({ extension }),
    ),
    ...['a_abc', 'a_', 'a_a_abc', 'a-b', 'x'.repeat(100), 'x'.repeat(101)].map((hash) => asset({ hash })),
    ...names.flatMap((name): readonly Call[] => [
      asset({ id: name }),
      asset({ hash: name }),
      ['emoji', { id: name, extension: 'webp' }, {}],
      ['sticker', { id: name, extension: 'gif' }, {}],
      ['memberAsset', { guildId: name, userId: id, kind: 'banners', hash: 'abc', extension: 'webp' }, {}],
      ['memberAsset', { guildId: id, userId: name, kind: 'avatars', hash: 'a_abc', extension: 'gif' }, {}],
    ]),
    ...samplesOf('asset').map(([name, value]) => asset({}, { [name]: value })),
    asset({}, Object.fromEntries(samplesOf('asset'))),
    asset({}, { size: 65 }),
    asset({}, { dpr: 2 }),
    asset({}, { animated: false }),
    asset({}, { format: 'mp4' }),
    asset({}, { rotate: 45 }),
    asset({}, { blur: -1 }),
    ['emoji', { id, extension: 'gif' }, { size: 48, animated: true }],
    ['sticker', { id, extension: 'webp' }, { size: 160, format: 'auto' }],
  ]
}

function fileCalls(): readonly Call[] {
  const themes = ['0123456789abcdef', '0123456789ABCDEF', '0123456789abcde', '../0123456789abcd', '']
  const sounds = ['mp3', 'ogg', 'm4a', 'wav', 'flac']
  return [
    ...themes.map((id): Call => ['theme', { id }, {}]),
    ...sounds.map((extension): Call => ['entranceSound', { userId: '9', hash: 'abc', extension }, {}]),
    ['entranceSound', { userId: 'a/b', hash: 'abc', extension: 'mp3' }, {}],
    ['entranceSound', { userId: '9', hash: 'a.b', extension: 'mp3' }, {}],
    ['entranceSound', { userId: '9', hash: 'a_', extension: 'mp3' }, {}],
  ]
}

const FOLDER = '1544725486800732163/1544971349200470016'
/** The creation time in the id of the second folder, in Unix seconds. */
const MADE_AT = 0x6a9920b1

function attachmentCalls(): readonly Call[] {
  const paths = [
    ...[`${FOLDER}/cat.gif`, `${FOLDER}/a b ü?.png`, `${FOLDER}/100%.png`, `${FOLDER}/(a)!~*'.png`, 'a'],
    ...[
      '+&=#;,:@$.txt',
      '1/日本語.webm',
      '1/😀',
      '1/..a',
      '1/a..',
      '1/%2e%2e',
      'x'.repeat(1012),
      'x'.repeat(1013),
    ],
    ...['ü'.repeat(506), 'ü'.repeat(507), '', '/', 'a/', '/a', 'a//b', '.', '..', '../a', 'a/../b', 'a/.'],
    ...['a\\b', 'a\u0000b', 'a\nb', 'a\u007fb', 'a\u0085b', 'a\u00a0b'],
  ]
  const path = `${FOLDER}/cat.gif`
  const plain = (parameters: Parameters): Call => ['attachment', { path }, parameters]
  const at = MADE_AT
  return [
    ...paths.flatMap((given): readonly Call[] => [
      ['attachment', { path: given }, {}],
      ['signAttachment', { path: given, now: at }, {}],
    ]),
    ...samplesOf('transformation').map(([name, value]) => plain({ [name]: value })),
    plain(Object.fromEntries(samplesOf('transformation'))),
    plain({ format: 'mp4', fit: 'inside' }),
    plain({ format: 'mp4', fit: 'cover' }),
    plain({ format: 'webm', time: '1.5' }),
    plain({ format: 'webm', time: 'best' }),
    plain({ time: 'best' }),
    plain({ duration: 0.001 }),
    plain({ width: 16_385 }),
    plain({ width: -5 }),
    // Issue times are rounded on a grid that starts with the attachment's id, and no URL is issued before it.
    ...[0, at - 1, at, at + 43_199, at + 43_200, at + 86_400.5].map(
      (now): Call => ['signAttachment', { path, now }, { width: 200, format: 'webp' }],
    ),
    ['signAttachment', { path: 'no-id/cat.gif', now: at }, {}],
    ['signAttachment', { path: 'cat.gif', now: at }, {}],
    ['signAttachmentForDataPackage', { path, now: at }, {}],
    ['signAttachmentForDataPackage', { path: '../a', now: at }, {}],
  ]
}

/** In the form that a URL parser writes, because the other clients sign a URL as given. */
const FAR_URLS = [
  ...[
    'https://example.com/',
    'http://example.com/a%20b.png?c=d',
    'https://example.com:8443/a?b=c&d=%C3%A4#e',
  ],
  ...[
    'https://[2001:db8::1]/a',
    `https://example.com/${'x'.repeat(8172)}`,
    `https://example.com/${'x'.repeat(8173)}`,
  ],
]
const NO_FAR_URLS = [
  ...['', '/relative', 'example.com/a', 'ftp://example.com/', 'javascript:alert(1)', 'https://', 'https:///'],
  ...[
    'https://exa mple.com/',
    'https://a:99999/',
    'https://a:b/',
    'https://[::1/',
    'https://a<b/',
    'https://a%zz/',
  ],
]

function externalCalls(): readonly Call[] {
  const sign = (change: Parameters, parameters: Parameters = {}): Call => [
    'signExternal',
    { url: FAR_URLS[0] ?? '', signsParameters: false, now: 1_000_000.5, ...change },
    parameters,
  ]
  const urls = [...FAR_URLS, ...NO_FAR_URLS].map((url) => sign({ url }))
  const versions = [true, false].flatMap((signsParameters) => [
    ...samplesOf('transformation').map(([name, value]) => sign({ signsParameters }, { [name]: value })),
    sign({ signsParameters }, Object.fromEntries(samplesOf('transformation'))),
    sign({ signsParameters, expiresInSeconds: 600 }),
    sign({ signsParameters, expiresInSeconds: 600 }, { width: 400, format: 'webp' }),
    sign({ signsParameters, expiresInSeconds: 600, expiryBucketSeconds: 1 }),
    sign({ signsParameters, expiresInSeconds: 600, expiryBucketSeconds: 7 }, { time: '50%' }),
    sign({ signsParameters }, { width: 16_385 }),
  ])
  return [...urls, ...versions]
}

function uploadCalls(): readonly Call[] {
  const sign = (change: Parameters): Call => [
    'signUpload',
    { key: 'folder/a b', maxBytes: 5_000_000, expiresInSeconds: 60, now: 1_800_000_000.5, ...change },
    {},
  ]
  const part = { uploadId: 'a/b+c=', partNumber: 3 }
  return [
    sign({}),
    sign({ bucket: 'another' }),
    sign({ contentType: 'image/png' }),
    sign(part),
    sign({ ...part, contentType: 'video/mp4; codecs="avc1"' }),
    ...['ä<&>.png', 'a"b', '', '..', 'a/../b', 'a\\b'].map((key) => sign({ key })),
    sign({ maxBytes: 0 }),
    sign({ maxBytes: -1 }),
    ...[0, 1, 10_000, 10_001].map((partNumber) => sign({ ...part, partNumber })),
    ...['u'.repeat(1024), 'u'.repeat(1025), ''].map((uploadId) => sign({ ...part, uploadId })),
  ]
}

const media = createMediaUrls(BASE_URL)

/**
 * The function of the TypeScript client for each call. The vectors are data, so a value of the wrong type is
 * rejected only at run time.
 */
const CALLS = {
  asset: ({ kind, id, hash, extension }: Parameters, parameters: Parameters) =>
    media.asset(kind as AssetKind, text(id), text(hash), options(extension, parameters)),
  memberAsset: ({ guildId, userId, kind, hash, extension }: Parameters, parameters: Parameters) =>
    media.memberAsset(
      text(guildId),
      text(userId),
      kind as 'avatars' | 'banners',
      text(hash),
      options(extension, parameters),
    ),
  emoji: ({ id, extension }: Parameters, parameters: Parameters) =>
    media.emoji(text(id), options(extension, parameters)),
  sticker: ({ id, extension }: Parameters, parameters: Parameters) =>
    media.sticker(text(id), options(extension, parameters)),
  attachment: ({ path }: Parameters, parameters: Parameters) =>
    media.attachment(text(path), parameters as TransformationParameters),
  theme: ({ id }: Parameters) => media.theme(text(id)),
  entranceSound: ({ userId, hash, extension }: Parameters) =>
    media.entranceSound(text(userId), text(hash), extension as 'mp3'),
  signAttachment: ({ path, now }: Parameters, parameters: Parameters) =>
    attachmentsAt(now).sign(text(path), parameters as TransformationParameters),
  signAttachmentForDataPackage: ({ path, now }: Parameters) =>
    attachmentsAt(now).signForDataPackage(text(path)),
  signExternal: ({ url, now, signsParameters, ...options }: Parameters, parameters: Parameters) =>
    createExternalUrls({
      baseUrl: BASE_URL,
      secretKey: SECRET_KEY,
      signsParameters: signsParameters === true,
      now: clock(now),
    }).sign(text(url), { ...options, ...(parameters as TransformationParameters) }),
  signUpload: ({ key, now, bucket, maxBytes, expiresInSeconds, contentType, ...part }: Parameters) =>
    createUploadUrls({
      baseUrl: BASE_URL,
      secret: BASE64_SECRET,
      ...(bucket === undefined ? {} : { bucket: text(bucket) }),
      now: clock(now),
    }).sign(text(key), {
      maxBytes: Number(maxBytes),
      expiresInSeconds: Number(expiresInSeconds),
      ...(contentType === undefined ? {} : { contentType: text(contentType) }),
      ...('uploadId' in part
        ? { part: { uploadId: text(part.uploadId), partNumber: Number(part.partNumber) } }
        : {}),
    }),
} as const

async function attempt(
  call: keyof typeof CALLS,
  given: Parameters,
  parameters: Parameters,
): Promise<string | null> {
  try {
    return await CALLS[call](given, parameters)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function attachmentsAt(now: Value | undefined) {
  return createAttachmentUrls({ baseUrl: BASE_URL, secret: BASE64_SECRET, now: clock(now) })
}

/** Returns a clock. The vectors contain seconds, JavaScript uses milliseconds. */
function clock(seconds: Value | undefined): () => number {
  return () => Number(seconds) * 1000
}

function text(value: Value | undefined): string {
  return String(value)
}

function options(extension: Value | undefined, parameters: Parameters): AssetUrlOptions {
  return { extension: extension as 'webp', ...parameters }
}
