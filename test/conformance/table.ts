/** The contract as a table: what is asked, and what has to come back, at every door. */

import { FFMPEG } from '../videos.ts'

export interface Case {
  readonly name: string
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  /** Exact values, or patterns. */
  readonly expect?: Readonly<Record<string, string | RegExp>>
  /** Headers that must not be there. */
  readonly absent?: readonly string[]
  readonly body?: string | RegExp
  readonly picture?: Picture
}

export interface Picture {
  readonly format: 'png' | 'jpeg' | 'webp' | 'gif' | 'avif'
  readonly width: number
  readonly height: number
  readonly frames?: number
  /** Milliseconds each frame is shown. */
  readonly delays?: readonly number[]
  readonly loop?: number
  /** A pixel that tells colours, orientation and padding: at x, y of the first frame, RGBA within a tolerance. */
  readonly pixels?: readonly Pixel[]
}

export interface Pixel {
  readonly x: number
  readonly y: number
  readonly rgba: readonly [number, number, number, number]
}

const RED = [220, 30, 30, 255] as const
const BLUE = [30, 30, 220, 255] as const

const ASSET_ROUTES = [
  '/avatars/1',
  '/icons/2',
  '/banners/2',
  '/splashes/2',
  '/embed-splashes/2',
  '/discovery-splashes/2',
  '/branding/2',
  '/guilds/3/users/4/avatars',
  '/guilds/3/users/4/banners',
]

const MEDIA_HEADERS = {
  'accept-ranges': 'bytes',
  'access-control-allow-origin': '*',
  'cache-control': 'public, max-age=31536000, immutable',
  etag: /^"[^"]+"$/,
  'last-modified': / GMT$/,
  'x-content-type-options': 'nosniff',
  'content-security-policy': /^default-src 'none'; .*sandbox allow-same-origin$/,
  'cross-origin-resource-policy': 'cross-origin',
  'x-robots-tag': 'noindex',
  'x-request-id': /^.+$/,
  'content-length': /^\d+$/,
}

const ERROR_HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'access-control-allow-origin': '*',
  'x-request-id': /^.+$/,
}

const assets: readonly Case[] = [
  ...ASSET_ROUTES.map((route) => ({
    name: `${route} bounds the width`,
    path: `${route}/land.webp?size=64`,
    status: 200,
    expect: { ...MEDIA_HEADERS, 'content-type': 'image/webp' },
    picture: {
      format: 'webp' as const,
      width: 64,
      height: 48,
      pixels: [
        { x: 10, y: 24, rgba: RED },
        { x: 54, y: 24, rgba: BLUE },
      ],
    },
  })),
  {
    name: 'the default size is 128',
    path: '/avatars/1/land.png',
    status: 200,
    picture: { format: 'png', width: 128, height: 96 },
  },
  {
    name: 'a tall picture follows its ratio',
    path: '/avatars/1/tall.webp?size=64',
    status: 200,
    picture: { format: 'webp', width: 64, height: 192 },
  },
  {
    name: 'nothing is enlarged',
    path: '/avatars/1/land.webp?size=4096',
    status: 200,
    picture: { format: 'webp', width: 400, height: 300 },
  },
  {
    name: 'density multiplies the size',
    path: '/avatars/1/land.webp?size=64&dpr=2',
    status: 200,
    picture: { format: 'webp', width: 128, height: 96 },
  },
  {
    name: 'density may leave the list of sizes',
    path: '/avatars/1/land.webp?size=20&dpr=1.5',
    status: 200,
    picture: { format: 'webp', width: 30, height: 23 },
  },
  {
    name: 'the extension names the format',
    path: '/avatars/1/land.jpg?size=64',
    status: 200,
    expect: { 'content-type': 'image/jpeg' },
    picture: { format: 'jpeg', width: 64, height: 48 },
  },
  {
    name: 'the extension may be in any case',
    path: '/avatars/1/land.JPEG?size=64',
    status: 200,
    picture: { format: 'jpeg', width: 64, height: 48 },
  },
  {
    name: 'format overrides the extension',
    path: '/avatars/1/land.png?size=64&format=avif',
    status: 200,
    expect: { 'content-type': 'image/avif' },
    picture: { format: 'avif', width: 64, height: 48 },
  },
  {
    name: 'an svg extension is WebP',
    path: '/avatars/1/land.svg?size=64',
    status: 200,
    picture: { format: 'webp', width: 64, height: 48 },
  },
  {
    name: 'auto is AVIF for who names it',
    path: '/avatars/1/land.webp?size=96&format=auto',
    headers: { accept: 'image/avif,image/webp,*/*' },
    status: 200,
    expect: { vary: 'Accept' },
    picture: { format: 'avif', width: 96, height: 72 },
  },
  {
    name: 'auto is the own format for others',
    path: '/avatars/1/land.webp?size=96&format=auto',
    headers: { accept: '*/*' },
    status: 200,
    expect: { vary: 'Accept' },
    picture: { format: 'webp', width: 96, height: 72 },
  },
  {
    name: 'auto respects q=0',
    path: '/avatars/1/land.webp?size=96&format=auto',
    headers: { accept: 'image/avif;q=0' },
    status: 200,
    picture: { format: 'webp', width: 96, height: 72 },
  },
  {
    name: 'auto leaves small pictures alone',
    path: '/avatars/1/land.webp?size=80&format=auto',
    headers: { accept: 'image/avif' },
    status: 200,
    absent: ['vary'],
    picture: { format: 'webp', width: 80, height: 60 },
  },
  {
    name: 'auto keeps animations',
    path: '/avatars/1/a_anim.webp?format=auto&size=96',
    headers: { accept: 'image/avif' },
    status: 200,
    picture: { format: 'webp', width: 80, height: 60, frames: 3 },
  },
  {
    name: 'a marked hash is animated',
    path: '/avatars/1/a_anim.gif?size=40',
    status: 200,
    picture: { format: 'gif', width: 40, height: 30, frames: 3, delays: [100, 250, 400], loop: 2 },
  },
  {
    name: 'an animation becomes WebP with its timing',
    path: '/avatars/1/a_anim.webp?size=40',
    status: 200,
    picture: { format: 'webp', width: 40, height: 30, frames: 3, delays: [100, 250, 400], loop: 2 },
  },
  {
    name: 'animated=true on an unmarked hash',
    path: '/avatars/1/anim.webp?size=40&animated=true',
    status: 200,
    picture: { format: 'webp', width: 40, height: 30, frames: 3 },
  },
  {
    name: 'animated=false on a marked hash',
    path: '/avatars/1/a_anim.webp?size=40&animated=false',
    status: 200,
    picture: {
      format: 'webp',
      width: 40,
      height: 30,
      frames: 1,
      pixels: [{ x: 20, y: 15, rgba: [255, 0, 0, 255] }],
    },
  },
  {
    name: 'a still format takes the first frame',
    path: '/avatars/1/a_anim.jpg?size=40',
    status: 200,
    picture: { format: 'jpeg', width: 40, height: 30 },
  },
  {
    name: 'an animation is blurred frame by frame',
    path: '/avatars/1/a_anim.webp?size=40&blur=20',
    status: 200,
    picture: {
      format: 'webp',
      width: 40,
      height: 30,
      frames: 3,
      delays: [100, 250, 400],
      pixels: [{ x: 20, y: 29, rgba: [255, 0, 0, 255] }],
    },
  },
  {
    name: 'original bytes where nothing changes',
    path: '/avatars/1/small.png',
    status: 200,
    picture: { format: 'png', width: 40, height: 30 },
  },
  {
    name: 'an object stored under its file name',
    path: '/avatars/1/named.jpg?size=64',
    status: 200,
    picture: { format: 'jpeg', width: 64, height: 64 },
  },
  {
    name: 'the other extension finds nothing',
    path: '/avatars/1/named.png?size=64',
    status: 404,
    expect: ERROR_HEADERS,
    body: 'Not Found',
  },
  {
    name: 'download gives a file',
    path: '/avatars/1/land.webp?size=64&download=true',
    status: 200,
    expect: { 'content-disposition': `attachment; filename="land.webp"; filename*=UTF-8''land.webp` },
  },
  {
    name: 'a broken object is the fault of the store',
    path: '/avatars/1/broken.webp',
    status: 500,
    expect: ERROR_HEADERS,
    body: 'Internal Server Error',
  },
  {
    name: 'an object that is no picture is too',
    path: '/avatars/1/text.webp',
    status: 500,
    body: 'Internal Server Error',
  },
  {
    name: 'a declared size beyond the limit',
    path: '/avatars/1/huge.webp',
    status: 400,
    expect: ERROR_HEADERS,
    body: 'Image dimensions too large',
  },
  {
    name: 'a missing object',
    path: '/avatars/1/none.webp',
    status: 404,
    expect: ERROR_HEADERS,
    body: 'Not Found',
  },
]

const expressions: readonly Case[] = [
  {
    name: 'an emoji is WebP',
    path: '/emojis/5.webp?size=48',
    status: 200,
    picture: { format: 'webp', width: 48, height: 48, pixels: [{ x: 24, y: 24, rgba: [20, 200, 20, 128] }] },
  },
  {
    name: 'an emoji as jpg is WebP',
    path: '/emojis/5.jpg?size=48',
    status: 200,
    picture: { format: 'webp', width: 48, height: 48 },
  },
  {
    name: 'an emoji as png',
    path: '/emojis/5.png?size=48',
    status: 200,
    picture: { format: 'png', width: 48, height: 48 },
  },
  {
    name: 'an emoji by format',
    path: '/emojis/5.webp?size=48&format=avif',
    status: 200,
    picture: { format: 'avif', width: 48, height: 48 },
  },
  {
    name: 'an animated emoji',
    path: '/emojis/6.gif?size=40&animated=true',
    status: 200,
    picture: { format: 'gif', width: 40, height: 30, frames: 3 },
  },
  {
    name: 'an emoji stored under its file name',
    path: '/emojis/7.png?size=48',
    status: 200,
    picture: { format: 'png', width: 48, height: 48 },
  },
  {
    name: 'a sticker is padded to its box',
    path: '/stickers/8?size=128',
    status: 200,
    picture: {
      format: 'webp',
      width: 128,
      height: 128,
      pixels: [
        { x: 64, y: 4, rgba: [0, 0, 0, 0] },
        { x: 10, y: 64, rgba: RED },
        { x: 118, y: 64, rgba: BLUE },
      ],
    },
  },
  {
    name: 'a sticker is never enlarged',
    path: '/stickers/8.png?size=4096',
    status: 200,
    picture: { format: 'png', width: 400, height: 200 },
  },
  {
    name: 'a sticker between its sides',
    path: '/stickers/8.webp?size=300',
    status: 200,
    picture: { format: 'webp', width: 300, height: 200 },
  },
]

const transformations: readonly Case[] = [
  {
    name: 'EXIF orientation is applied',
    path: '/attachments/1/photo.jpg?width=150',
    status: 200,
    expect: {
      ...MEDIA_HEADERS,
      'content-type': 'image/jpeg',
      'content-disposition': `inline; filename="photo.jpg"; filename*=UTF-8''photo.jpg`,
    },
    picture: {
      format: 'jpeg',
      width: 150,
      height: 200,
      pixels: [
        { x: 75, y: 20, rgba: RED },
        { x: 75, y: 180, rgba: BLUE },
      ],
    },
  },
  {
    name: 'height alone',
    path: '/attachments/1/land.png?height=150&format=webp',
    status: 200,
    expect: { 'content-disposition': `inline; filename="land.webp"; filename*=UTF-8''land.webp` },
    picture: { format: 'webp', width: 200, height: 150 },
  },
  {
    name: 'cover cuts the middle',
    path: '/attachments/1/land.png?width=100&height=200',
    status: 200,
    picture: {
      format: 'png',
      width: 100,
      height: 200,
      pixels: [
        { x: 20, y: 100, rgba: RED },
        { x: 80, y: 100, rgba: BLUE },
      ],
    },
  },
  {
    name: 'gravity west keeps the left',
    path: '/attachments/1/land.png?width=100&height=200&gravity=west',
    status: 200,
    picture: { format: 'png', width: 100, height: 200, pixels: [{ x: 90, y: 100, rgba: RED }] },
  },
  {
    name: 'gravity east keeps the right',
    path: '/attachments/1/land.png?width=100&height=200&gravity=east',
    status: 200,
    picture: { format: 'png', width: 100, height: 200, pixels: [{ x: 10, y: 100, rgba: BLUE }] },
  },
  {
    name: 'attention on an animation',
    path: '/attachments/1/anim.gif?width=20&height=40&gravity=attention&animated=true',
    status: 200,
    picture: { format: 'gif', width: 20, height: 40, frames: 3 },
  },
  {
    name: 'contain pads',
    path: '/attachments/1/land.png?width=200&height=200&fit=contain',
    status: 200,
    picture: {
      format: 'png',
      width: 200,
      height: 200,
      pixels: [
        { x: 100, y: 5, rgba: [0, 0, 0, 0] },
        { x: 20, y: 100, rgba: RED },
      ],
    },
  },
  {
    name: 'contain pads white where nothing is transparent',
    path: '/attachments/1/land.png?width=200&height=200&fit=contain&format=jpeg',
    status: 200,
    picture: {
      format: 'jpeg',
      width: 200,
      height: 200,
      pixels: [{ x: 100, y: 5, rgba: [255, 255, 255, 255] }],
    },
  },
  {
    name: 'inside fits',
    path: '/attachments/1/land.png?width=200&height=200&fit=inside',
    status: 200,
    picture: { format: 'png', width: 200, height: 150 },
  },
  {
    name: 'sides above the source are clamped',
    path: '/attachments/1/land.png?width=9000&height=100',
    status: 200,
    picture: { format: 'png', width: 400, height: 100 },
  },
  {
    name: 'density',
    path: '/attachments/1/land.png?width=50&dpr=3',
    status: 200,
    picture: { format: 'png', width: 150, height: 113 },
  },
  {
    name: 'transparency becomes white in JPEG',
    path: '/attachments/1/glass.png?format=jpg',
    status: 200,
    expect: { 'content-disposition': /filename="glass.jpg"/ },
    picture: {
      format: 'jpeg',
      width: 64,
      height: 64,
      pixels: [{ x: 32, y: 32, rgba: [138, 228, 138, 255] }],
    },
  },
  {
    name: 'an animation is still unless asked',
    path: '/attachments/1/anim.gif?width=40',
    status: 200,
    picture: { format: 'gif', width: 40, height: 30, frames: 1 },
  },
  {
    name: 'format=auto without width',
    path: '/attachments/1/land.png?format=auto',
    headers: { accept: 'image/avif' },
    status: 200,
    expect: { vary: 'Accept' },
    picture: { format: 'avif', width: 400, height: 300 },
  },
  {
    name: 'download of a transformation',
    path: '/attachments/1/land.png?width=64&format=webp&download=true',
    status: 200,
    expect: { 'content-disposition': /^attachment; filename="land.webp"/ },
  },
  {
    name: 'lossless keeps every pixel',
    path: '/attachments/1/noise.png?format=webp&quality=lossless',
    status: 200,
    picture: { format: 'webp', width: 256, height: 256 },
  },
  {
    name: 'an SVG is rasterised',
    path: '/attachments/1/logo.svg',
    status: 200,
    expect: { 'content-type': 'image/webp', 'content-disposition': /filename="logo.webp"/ },
    picture: { format: 'webp', width: 200, height: 100, pixels: [{ x: 100, y: 50, rgba: [0, 255, 0, 255] }] },
  },
  {
    name: 'an SVG by content is rasterised',
    path: '/attachments/1/logo.png',
    status: 200,
    picture: { format: 'webp', width: 200, height: 100 },
  },
  {
    name: 'an SVG is rasterised for a range too',
    path: '/attachments/1/logo.png',
    headers: { range: 'bytes=0-3' },
    status: 206,
    expect: { 'content-type': 'image/webp' },
    body: 'RIFF',
  },
  {
    name: 'an SVG downloads as text',
    path: '/attachments/1/logo.svg?download=true',
    status: 200,
    expect: {
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': /^attachment; filename="logo.svg"/,
    },
    body: /^<svg/,
  },
  {
    name: 'sound cannot be transformed',
    path: '/attachments/1/clip.mp3?width=100',
    status: 400,
    body: 'Only images and videos can be transformed',
  },
  {
    name: 'neither can text',
    path: '/attachments/1/page.html?width=100',
    status: 400,
    body: 'Unsupported file format',
  },
  {
    name: 'a side beyond the limit',
    path: '/attachments/1/huge.png?width=100',
    status: 400,
    body: 'Image dimensions too large',
  },
]

/** The three frames of the test animations: red, green, blue. */
const MOVING = { frames: 3, delays: [100, 250, 400], loop: 2 }

const moreInputs: readonly Case[] = [
  ...(['png', 'webp', 'gif'] as const).flatMap((format) => [
    {
      name: `an animated PNG becomes an animated ${format}`,
      path: `/attachments/1/moving.png?width=40&animated=true&format=${format}`,
      status: 200,
      expect: { 'content-type': `image/${format}` },
      picture: {
        format,
        width: 40,
        height: 30,
        ...MOVING,
        pixels: [{ x: 20, y: 15, rgba: [255, 0, 0, 255] }],
      },
    } as const,
    {
      name: `an animated PNG becomes a still ${format}`,
      path: `/attachments/1/moving.png?width=40&format=${format}`,
      status: 200,
      picture: {
        format,
        width: 40,
        height: 30,
        frames: 1,
        pixels: [{ x: 20, y: 15, rgba: [255, 0, 0, 255] }],
      },
    } as const,
  ]),
  {
    name: 'an animated GIF becomes an animated PNG',
    path: '/attachments/1/anim.gif?width=40&animated=true&format=png',
    status: 200,
    picture: { format: 'png', width: 40, height: 30, ...MOVING },
  },
  {
    name: 'a marked hash is animated as PNG',
    path: '/avatars/1/a_moving.png?size=40',
    status: 200,
    picture: { format: 'png', width: 40, height: 30, ...MOVING },
  },
  {
    name: 'an animated PNG that needs no change is kept',
    path: '/avatars/1/a_moving.png?size=128',
    status: 200,
    picture: { format: 'png', width: 80, height: 60, ...MOVING },
  },
  {
    name: 'attention on an animated PNG, blurred',
    path: '/attachments/1/moving.png?width=20&height=40&gravity=attention&animated=true&blur=2',
    status: 200,
    picture: { format: 'png', width: 20, height: 40, ...MOVING },
  },
  {
    name: 'what moves and was asked for as AVIF is WebP',
    path: '/attachments/1/moving.png?width=40&animated=true&format=avif',
    status: 200,
    picture: { format: 'webp', width: 40, height: 30, frames: 3 },
  },
  {
    name: 'HEIC is turned upright and its colours are converted',
    path: '/attachments/1/turned.heic?format=png',
    status: 200,
    expect: { 'content-type': 'image/png' },
    picture: {
      format: 'png',
      width: 48,
      height: 64,
      pixels: [
        { x: 24, y: 8, rgba: [60, 60, 200, 255] },
        { x: 24, y: 56, rgba: [200, 60, 60, 255] },
      ],
    },
  },
  {
    name: 'HEIC has no format of its own here',
    path: '/attachments/1/turned.heic?width=24',
    status: 200,
    expect: { 'content-type': 'image/webp' },
    picture: { format: 'webp', width: 24, height: 32 },
  },
]

const files: readonly Case[] = [
  {
    name: 'a picture as it is',
    path: '/attachments/1/land.png',
    status: 200,
    expect: {
      ...MEDIA_HEADERS,
      'content-type': 'image/png',
      'content-disposition': `inline; filename="land.png"; filename*=UTF-8''land.png`,
    },
    picture: { format: 'png', width: 400, height: 300 },
  },
  {
    name: 'lossless alone changes nothing',
    path: '/attachments/1/photo.jpg?quality=lossless',
    status: 200,
    picture: { format: 'jpeg', width: 400, height: 300 },
  },
  {
    name: 'HTML is text',
    path: '/attachments/1/page.html',
    status: 200,
    expect: { 'content-type': 'text/plain; charset=utf-8', 'content-disposition': /^attachment; / },
    body: '<h1>hello</h1>',
  },
  {
    name: 'XML is text',
    path: '/attachments/1/feed.xml',
    status: 200,
    expect: { 'content-type': 'text/plain; charset=utf-8' },
  },
  {
    name: 'JavaScript is text',
    path: '/attachments/1/code.js',
    status: 200,
    expect: { 'content-type': 'text/plain; charset=utf-8' },
  },
  {
    name: 'other bytes',
    path: '/attachments/1/digits.bin',
    status: 200,
    expect: {
      'content-type': 'application/octet-stream',
      'content-disposition': /^attachment/,
      'content-length': '10',
    },
    body: '0123456789',
  },
  { name: 'nothing at all', path: '/attachments/1/empty.bin', status: 200, body: '' },
  {
    name: 'sound is not recompressed',
    path: '/attachments/1/clip.mp3',
    status: 200,
    expect: {
      'cache-control': 'public, max-age=31536000, immutable, no-transform',
      'content-disposition': /^inline/,
    },
  },
  {
    name: 'a name with everything in it',
    path: '/attachments/1/a%20b/%C3%BCn%C3%AF%20%22c%22%20%25.txt',
    status: 200,
    expect: {
      'content-disposition': `attachment; filename="?n? _c_ _.txt"; filename*=UTF-8''%C3%BCn%C3%AF%20%22c%22%20%25.txt`,
    },
    body: 'text',
  },
  { name: 'an encoded slash', path: '/attachments/1%2Fdigits.bin', status: 200, body: '0123456789' },
  {
    name: 'a theme',
    path: '/themes/0123456789abcdef.css',
    status: 200,
    expect: { ...MEDIA_HEADERS, 'content-type': 'text/css; charset=utf-8' },
    body: ':root { color: red }',
  },
  {
    name: 'an entrance sound',
    path: '/entrance-sounds/9/abc.mp3',
    status: 200,
    expect: { 'content-type': 'audio/mpeg', 'cache-control': /no-transform/ },
  },
  {
    name: 'a missing file',
    path: '/attachments/1/none.bin',
    status: 404,
    expect: ERROR_HEADERS,
    body: 'Not Found',
  },
  { name: 'a missing theme', path: '/themes/ffffffffffffffff.css', status: 404 },
]

const ranges: readonly Case[] = ['/attachments/1/digits.bin', '/avatars/1/small.png'].flatMap((path) => [
  {
    name: `${path} last bytes`,
    path,
    headers: { range: 'bytes=-4' },
    status: 206,
    expect: { 'content-length': '4', 'content-range': /^bytes \d+-\d+\/\d+$/ },
  },
  {
    name: `${path} first byte`,
    path,
    headers: { range: 'bytes=0-0' },
    status: 206,
    expect: { 'content-length': '1', 'content-range': /^bytes 0-0\/\d+$/ },
  },
  {
    name: `${path} beyond the end`,
    path,
    headers: { range: 'bytes=99999999-' },
    status: 416,
    expect: { 'content-range': /^bytes \*\/\d+$/, 'content-type': 'text/plain; charset=utf-8' },
    body: 'Range Not Satisfiable',
  },
  {
    name: `${path} clamped`,
    path,
    headers: { range: 'bytes=2-99999999' },
    status: 206,
    expect: { 'content-range': /^bytes 2-/ },
  },
  { name: `${path} empty suffix`, path, headers: { range: 'bytes=-0' }, status: 416 },
  {
    name: `${path} several`,
    path,
    headers: { range: 'bytes=0-1,3-4' },
    status: 200,
    absent: ['content-range'],
  },
  { name: `${path} backwards`, path, headers: { range: 'bytes=5-2' }, status: 200 },
  { name: `${path} malformed`, path, headers: { range: 'bytes=x-' }, status: 200 },
  { name: `${path} another unit`, path, headers: { range: 'lines=0-1' }, status: 200 },
  {
    name: `${path} If-Range that does not hold`,
    path,
    headers: { range: 'bytes=0-0', 'if-range': '"other"' },
    status: 200,
  },
  {
    name: `${path} HEAD ignores the range`,
    path,
    method: 'HEAD',
    headers: { range: 'bytes=0-0' },
    status: 200,
    absent: ['content-range'],
    body: '',
  },
  { name: `${path} an ETag that is another`, path, headers: { 'if-none-match': '"other"' }, status: 200 },
  { name: `${path} any ETag`, path, headers: { 'if-none-match': '*' }, status: 304, body: '' },
  {
    name: `${path} a date to come`,
    path,
    headers: { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
    status: 304,
    body: '',
  },
  {
    name: `${path} a date long past`,
    path,
    headers: { 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
    status: 200,
  },
])

const BAD_REQUESTS = [
  '/avatars/1/land.webp?size=63',
  '/avatars/1/land.webp?size=',
  '/avatars/1/land.webp?quality=0',
  '/avatars/1/land.webp?quality=101',
  '/avatars/1/land.webp?quality=best',
  '/avatars/1/land.webp?animated=yes',
  '/avatars/1/land.webp?dpr=4',
  '/avatars/1/land.webp?blur=0',
  '/avatars/1/land.webp?blur=101',
  '/avatars/1/land.webp?format=svg',
  '/avatars/1/land.webp?download=1',
  '/avatars/1/land.bmp',
  '/avatars/1/land',
  '/avatars/1/la.nd.webp',
  '/avatars/1/la-nd.webp',
  '/avatars/1/',
  '/avatars//land.webp',
  '/avatars/1/a_.webp',
  '/avatars/1/%2e%2e%2fland.webp',
  '/avatars/%00/land.webp',
  `/avatars/${'1'.repeat(65)}/land.webp`,
  `/avatars/1/${'a'.repeat(101)}.webp`,
  '/emojis/5',
  '/emojis/5.tiff',
  '/stickers/8.bmp',
  '/attachments/1/land.png?width=0',
  '/attachments/1/land.png?width=16385',
  '/attachments/1/land.png?width=1.5',
  '/attachments/1/land.png?height=-1',
  '/attachments/1/land.png?fit=crop',
  '/attachments/1/land.png?gravity=up',
  '/attachments/1/land.png?time=soon',
  '/attachments/1/land.png?time=101%25',
  '/attachments/',
  '/attachments/1/',
  '/attachments/1//land.png',
  '/attachments/1/%2e%2e%2f%2e%2e%2fsecret',
  '/attachments/..%2f..%2fsecret',
  '/attachments/1/a%00b',
  '/attachments/1/a%5cb',
  '/attachments/1/a%0ab',
  '/attachments/1/%ff',
  '/attachments/1/%E2%82',
  '/attachments/1/%',
  `/attachments/${'x'.repeat(10_000)}`,
  '/external/',
  '/external/abc',
  '/external/abc/',
  '/external/abc/https/example.com/?ex=0',
]

const NO_ROUTES = [
  '/',
  '/favicon.ico',
  '/avatars',
  '/avatars/1',
  '/avatars/1/2/land.webp',
  '/attachments',
  '/themes/0123456789ABCDEF.css',
  '/themes/0123.css',
  '/themes/0123456789abcdef.js',
  '/entrance-sounds/9/abc.flac',
  '/guilds/3/users/4/icons/land.webp',
  '/_health/',
  '/_unknown',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/attachments/%2e%2e/%2e%2e/etc/passwd',
]

const refusals: readonly Case[] = [
  ...BAD_REQUESTS.map((path) => ({
    name: `400 ${path.slice(0, 60)}`,
    path,
    status: 400,
    expect: ERROR_HEADERS,
    body: 'Bad Request',
  })),
  ...NO_ROUTES.map((path) => ({
    name: `404 ${path}`,
    path,
    status: 404,
    expect: ERROR_HEADERS,
    body: 'Not Found',
  })),
  {
    name: 'POST on a picture',
    path: '/avatars/1/land.webp',
    method: 'POST',
    status: 405,
    expect: { ...ERROR_HEADERS, allow: 'GET, HEAD, OPTIONS' },
    body: 'Method Not Allowed',
  },
  { name: 'DELETE on a file', path: '/attachments/1/land.png', method: 'DELETE', status: 405 },
  {
    name: 'GET on an internal endpoint',
    path: '/_metadata',
    status: 405,
    expect: { allow: 'POST, OPTIONS' },
  },
  {
    name: 'a preflight',
    path: '/attachments/1/land.png',
    method: 'OPTIONS',
    status: 204,
    expect: { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, HEAD, OPTIONS' },
    body: '',
  },
]

const service: readonly Case[] = [
  {
    name: 'health',
    path: '/_health',
    status: 200,
    expect: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
    body: 'OK',
  },
  { name: 'health by HEAD', path: '/_health', method: 'HEAD', status: 200, body: '' },
  { name: 'ready', path: '/_ready', status: 200, body: 'OK' },
  {
    name: 'telemetry',
    path: '/internal/telemetry',
    status: 200,
    expect: { 'content-type': 'application/json' },
    body: /^\{"telemetry_enabled":true,"service":"fluxer_media_proxy","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}$/,
  },
  {
    name: 'a request id is echoed',
    path: '/_health',
    headers: { 'x-request-id': 'my-request.1' },
    status: 200,
    expect: { 'x-request-id': 'my-request.1' },
  },
  {
    name: 'a malformed request id is not',
    path: '/_health',
    headers: { 'x-request-id': 'a b' },
    status: 200,
    expect: { 'x-request-id': /^[0-9a-f-]{36}$/ },
  },
]

const RED_FRAME = [254, 0, 0, 255] as const
const LIME_FRAME = [0, 255, 0, 255] as const
const REFUSED_CODECS = 'File contains unsupported or non-web-compatible codecs'

const stills: readonly Case[] = [
  {
    name: 'a still of a video',
    path: '/attachments/1/video.mp4?format=jpeg',
    status: 200,
    expect: {
      ...MEDIA_HEADERS,
      'content-type': 'image/jpeg',
      'content-disposition': `inline; filename="video.jpg"; filename*=UTF-8''video.jpg`,
    },
    picture: { format: 'jpeg', width: 320, height: 192, pixels: [{ x: 160, y: 96, rgba: RED_FRAME }] },
  },
  {
    name: 'a still without a format is WebP',
    path: '/attachments/1/video.mp4?width=100',
    status: 200,
    expect: { 'content-type': 'image/webp' },
    picture: { format: 'webp', width: 100, height: 60 },
  },
  {
    name: 'a still of a moment',
    path: '/attachments/1/video.mp4?time=1.5',
    status: 200,
    picture: { format: 'webp', width: 320, height: 192, pixels: [{ x: 160, y: 96, rgba: LIME_FRAME }] },
  },
  {
    name: 'a still of a share of the time, cut to a box',
    path: '/attachments/1/video.mp4?time=50%25&width=64&height=64&format=png',
    status: 200,
    picture: { format: 'png', width: 64, height: 64, pixels: [{ x: 32, y: 32, rgba: LIME_FRAME }] },
  },
  {
    name: 'a still does not move',
    path: '/attachments/1/video.mp4?animated=true&format=webp&width=32',
    status: 200,
    picture: { format: 'webp', width: 32, height: 19, frames: 1 },
  },
  {
    name: 'a still negotiates',
    path: '/attachments/1/video.mp4?format=auto',
    headers: { accept: 'image/avif' },
    status: 200,
    expect: { vary: 'Accept', 'content-type': 'image/avif' },
    picture: { format: 'avif', width: 320, height: 192 },
  },
  {
    name: 'content, not the name, makes a video',
    path: '/attachments/1/video.png?format=png',
    status: 200,
    picture: { format: 'png', width: 320, height: 192 },
  },
  {
    name: 'a video that nothing is asked of is streamed',
    path: '/attachments/1/video.mp4',
    headers: { range: 'bytes=4-7' },
    status: 206,
    expect: { 'content-type': 'video/mp4', 'cache-control': /no-transform/ },
    body: 'ftyp',
  },
  ...[
    ['ProRes 4444', '4444.mov', REFUSED_CODECS],
    ['ProRes 4444 under another name', 'disguised.mov', REFUSED_CODECS],
    ['AC-3 beside H.264', 'ac3.mp4', REFUSED_CODECS],
    ['raw video in AVI', 'raw.avi', REFUSED_CODECS],
    ['sound in a container for video', 'sound.mp4', 'Only images and videos can be transformed'],
    ['sound', 'clip.mp3', 'Only images and videos can be transformed'],
    ['half a video without its index', 'cut.mp4', 'Bad Request'],
    ['text with the name of a video', 'text.mp4', 'Unsupported file format'],
  ].map(([name = '', file = '', body = '']) => ({
    name: `no still of ${name}`,
    path: `/attachments/1/${file}?format=webp`,
    status: 400,
    expect: ERROR_HEADERS,
    body,
  })),
  { name: 'no avatar of a video', path: '/avatars/1/video.webp', status: 500, expect: ERROR_HEADERS },
]

export const TABLE: readonly Case[] = [
  ...assets,
  ...expressions,
  ...transformations,
  ...moreInputs,
  ...(FFMPEG === undefined ? [] : stills),
  ...files,
  ...ranges,
  ...refusals,
  ...service,
]
