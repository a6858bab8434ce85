/** Renditions of attachments, and the formats of their sources. */

import { BLUE, type Case, MEDIA_HEADERS, RED } from './case.ts'

export const transformations: readonly Case[] = [
  {
    name: 'EXIF orientation is applied',
    path: '/attachments/1/photo.jpg?width=150',
    status: 200,
    expect: {
      ...MEDIA_HEADERS,
      'content-type': 'image/jpeg',
      'content-disposition': `inline; filename="photo.jpg"; filename*=UTF-8''photo.jpg`,
    },
    image: {
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
    name: 'a height without a width keeps the aspect ratio',
    path: '/attachments/1/land.png?height=150&format=webp',
    status: 200,
    expect: { 'content-disposition': `inline; filename="land.webp"; filename*=UTF-8''land.webp` },
    image: { format: 'webp', width: 200, height: 150 },
  },
  {
    name: 'cover keeps the middle',
    path: '/attachments/1/land.png?width=100&height=200',
    status: 200,
    image: {
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
    image: { format: 'png', width: 100, height: 200, pixels: [{ x: 90, y: 100, rgba: RED }] },
  },
  {
    name: 'gravity east keeps the right',
    path: '/attachments/1/land.png?width=100&height=200&gravity=east',
    status: 200,
    image: { format: 'png', width: 100, height: 200, pixels: [{ x: 10, y: 100, rgba: BLUE }] },
  },
  {
    name: 'gravity=attention of an animation',
    path: '/attachments/1/anim.gif?width=20&height=40&gravity=attention&animated=true',
    status: 200,
    image: { format: 'gif', width: 20, height: 40, frames: 3 },
  },
  {
    name: 'contain pads',
    path: '/attachments/1/land.png?width=200&height=200&fit=contain',
    status: 200,
    image: {
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
    name: 'contain pads with white in a format without alpha',
    path: '/attachments/1/land.png?width=200&height=200&fit=contain&format=jpeg',
    status: 200,
    image: {
      format: 'jpeg',
      width: 200,
      height: 200,
      pixels: [{ x: 100, y: 5, rgba: [255, 255, 255, 255] }],
    },
  },
  {
    name: 'inside keeps the aspect ratio',
    path: '/attachments/1/land.png?width=200&height=200&fit=inside',
    status: 200,
    image: { format: 'png', width: 200, height: 150 },
  },
  {
    name: 'sides above the source are clamped',
    path: '/attachments/1/land.png?width=9000&height=100',
    status: 200,
    image: { format: 'png', width: 400, height: 100 },
  },
  {
    name: 'density multiplies the width',
    path: '/attachments/1/land.png?width=50&dpr=3',
    status: 200,
    image: { format: 'png', width: 150, height: 113 },
  },
  {
    name: 'transparency becomes white in JPEG',
    path: '/attachments/1/glass.png?format=jpg',
    status: 200,
    expect: { 'content-disposition': /filename="glass.jpg"/ },
    image: {
      format: 'jpeg',
      width: 64,
      height: 64,
      pixels: [{ x: 32, y: 32, rgba: [138, 228, 138, 255] }],
    },
  },
  {
    name: 'an animation becomes a still unless animated=true',
    path: '/attachments/1/anim.gif?width=40',
    status: 200,
    image: { format: 'gif', width: 40, height: 30, frames: 1 },
  },
  {
    name: 'format=auto works without a width',
    path: '/attachments/1/land.png?format=auto',
    headers: { accept: 'image/avif' },
    status: 200,
    expect: { vary: 'Accept' },
    image: { format: 'avif', width: 400, height: 300 },
  },
  {
    name: 'a transformation can be downloaded',
    path: '/attachments/1/land.png?width=64&format=webp&download=true',
    status: 200,
    expect: { 'content-disposition': /^attachment; filename="land.webp"/ },
  },
  {
    name: 'lossless keeps every pixel',
    path: '/attachments/1/noise.png?format=webp&quality=lossless',
    status: 200,
    image: { format: 'webp', width: 256, height: 256 },
  },
  {
    name: 'an SVG is rasterised',
    path: '/attachments/1/logo.svg',
    status: 200,
    expect: { 'content-type': 'image/webp', 'content-disposition': /filename="logo.webp"/ },
    image: { format: 'webp', width: 200, height: 100, pixels: [{ x: 100, y: 50, rgba: [0, 255, 0, 255] }] },
  },
  {
    name: 'an SVG with another extension is rasterised',
    path: '/attachments/1/logo.png',
    status: 200,
    image: { format: 'webp', width: 200, height: 100 },
  },
  {
    name: 'an SVG is rasterised for a range request too',
    path: '/attachments/1/logo.png',
    headers: { range: 'bytes=0-3' },
    status: 206,
    expect: { 'content-type': 'image/webp' },
    body: 'RIFF',
  },
  {
    name: 'an SVG is downloaded as text',
    path: '/attachments/1/logo.svg?download=true',
    status: 200,
    expect: {
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': /^attachment; filename="logo.svg"/,
    },
    body: /^<svg/,
  },
  {
    name: 'audio cannot be transformed',
    path: '/attachments/1/clip.mp3?width=100',
    status: 400,
    body: 'Only images and videos can be transformed',
  },
  {
    name: 'text cannot be transformed',
    path: '/attachments/1/page.html?width=100',
    status: 400,
    body: 'Unsupported file format',
  },
  {
    name: 'an image with a side beyond the limit is rejected',
    path: '/attachments/1/huge.png?width=100',
    status: 400,
    body: 'Image dimensions too large',
  },
]

/** The three frames of the test animations: red, green, blue. */
const MOVING = { frames: 3, delays: [100, 250, 400], loop: 2 }

export const moreInputs: readonly Case[] = [
  ...(
    [
      ['/attachments/1/plain.ico?format=png', 'png', 48, 32],
      ['/attachments/1/plain.ico?width=24', 'webp', 24, 16],
      ['/avatars/1/icon.png', 'png', 48, 32],
      ['/emojis/8.webp', 'webp', 48, 48],
      ['/stickers/7.png', 'png', 48, 32],
    ] as const
  ).map(([path, format, width, height]) => ({
    name: `an icon is rendered: ${path}`,
    path,
    status: 200,
    expect: { ...MEDIA_HEADERS, 'content-type': `image/${format}` },
    picture: { format, width, height, pixels: [{ x: 5, y: 5, rgba: RED }] },
  })),
  ...(['png', 'webp', 'gif'] as const).flatMap((format) => [
    {
      name: `an animated PNG becomes an animated ${format}`,
      path: `/attachments/1/moving.png?width=40&animated=true&format=${format}`,
      status: 200,
      expect: { 'content-type': `image/${format}` },
      image: {
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
      image: {
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
    image: { format: 'png', width: 40, height: 30, ...MOVING },
  },
  {
    name: 'a marked hash is animated as APNG',
    path: '/avatars/1/a_moving.apng?size=40',
    status: 200,
    expect: { 'content-type': 'image/png' },
    image: { format: 'png', width: 40, height: 30, ...MOVING },
  },
  {
    name: 'a marked hash is a still as PNG',
    path: '/avatars/1/a_moving.png?size=40',
    status: 200,
    image: { format: 'png', width: 40, height: 30, frames: 1 },
  },
  {
    name: 'an animated PNG that needs no change is kept',
    path: '/avatars/1/a_moving.png?size=128&animated=1',
    status: 200,
    image: { format: 'png', width: 80, height: 60, ...MOVING },
  },
  {
    name: 'gravity=attention of an animated PNG, blurred',
    path: '/attachments/1/moving.png?width=20&height=40&gravity=attention&animated=true&blur=2',
    status: 200,
    image: { format: 'png', width: 20, height: 40, ...MOVING },
  },
  {
    name: 'an animation requested as lossless AVIF is WebP',
    path: '/attachments/1/moving.png?width=40&animated=true&format=avif&quality=lossless',
    status: 200,
    image: { format: 'webp', width: 40, height: 30, frames: 3 },
  },
  {
    name: 'HEIC is rotated upright, and its colours are converted',
    path: '/attachments/1/turned.heic?format=png',
    status: 200,
    expect: { 'content-type': 'image/png' },
    image: {
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
    name: 'HEIC becomes WebP when no format is requested',
    path: '/attachments/1/turned.heic?width=24',
    status: 200,
    expect: { 'content-type': 'image/webp' },
    image: { format: 'webp', width: 24, height: 32 },
  },
]
