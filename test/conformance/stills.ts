/** Stills of attachments that are videos. */

import { type Case, ERROR_HEADERS, MEDIA_HEADERS } from './case.ts'

const RED_FRAME = [254, 0, 0, 255] as const
const LIME_FRAME = [0, 255, 0, 255] as const
const REJECTED_CODECS = 'File contains unsupported or non-web-compatible codecs'

export const stills: readonly Case[] = [
  {
    name: 'a still of a video',
    path: '/attachments/1/video.mp4?format=jpeg',
    status: 200,
    expect: {
      ...MEDIA_HEADERS,
      'content-type': 'image/jpeg',
      'content-disposition': `inline; filename="video.jpg"; filename*=UTF-8''video.jpg`,
    },
    image: { format: 'jpeg', width: 320, height: 192, pixels: [{ x: 160, y: 96, rgba: RED_FRAME }] },
  },
  {
    name: 'a still without a format is WebP',
    path: '/attachments/1/video.mp4?width=100',
    status: 200,
    expect: { 'content-type': 'image/webp' },
    image: { format: 'webp', width: 100, height: 60 },
  },
  {
    name: 'a still with gravity=face and without a face',
    path: '/attachments/1/video.mp4?format=png&width=50&height=100&gravity=face',
    status: 200,
    image: { format: 'png', width: 50, height: 100, pixels: [{ x: 25, y: 50, rgba: RED_FRAME }] },
  },
  {
    name: 'a part of a still, rotated',
    path: '/attachments/1/video.mp4?format=png&crop=0,0,0.5,1&rotate=90&width=96',
    status: 200,
    image: { format: 'png', width: 96, height: 80, pixels: [{ x: 48, y: 40, rgba: RED_FRAME }] },
  },
  {
    name: 'a still of a time in seconds',
    path: '/attachments/1/video.mp4?time=1.5',
    status: 200,
    image: { format: 'webp', width: 320, height: 192, pixels: [{ x: 160, y: 96, rgba: LIME_FRAME }] },
  },
  {
    name: 'a still of a percentage of the duration, cropped to a box',
    path: '/attachments/1/video.mp4?time=50%25&width=64&height=64&format=png',
    status: 200,
    image: { format: 'png', width: 64, height: 64, pixels: [{ x: 32, y: 32, rgba: LIME_FRAME }] },
  },
  {
    name: 'a preview is animated',
    path: '/attachments/1/video.mp4?animated=true&format=webp&width=32',
    status: 200,
    image: { format: 'webp', width: 32, height: 19, frames: 3 },
  },
  {
    name: 'a still has a negotiated format',
    path: '/attachments/1/video.mp4?format=auto',
    headers: { accept: 'image/avif' },
    status: 200,
    expect: { vary: 'Accept', 'content-type': 'image/avif' },
    image: { format: 'avif', width: 320, height: 192 },
  },
  {
    name: 'a video is detected by its content, not by its name',
    path: '/attachments/1/video.png?format=png',
    status: 200,
    image: { format: 'png', width: 320, height: 192 },
  },
  {
    name: 'a video without parameters is streamed',
    path: '/attachments/1/video.mp4',
    headers: { range: 'bytes=4-7' },
    status: 206,
    expect: { 'content-type': 'video/mp4', 'cache-control': /no-transform/ },
    body: 'ftyp',
  },
  {
    name: 'a still of a video with AC-3',
    path: '/attachments/1/ac3.mp4?format=webp',
    status: 200,
    expect: { 'content-type': 'image/webp' },
  },
  ...[
    ['ProRes 4444', '4444.mov', REJECTED_CODECS],
    ['ProRes 4444 under another name', 'disguised.mov', REJECTED_CODECS],
    ['raw video in AVI', 'raw.avi', REJECTED_CODECS],
    ['audio in a video container', 'sound.mp4', 'Only images and videos can be transformed'],
    ['audio', 'clip.mp3', 'Only images and videos can be transformed'],
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
