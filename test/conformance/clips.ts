/** Clips, previews and sprite sheets of attachments that move. */

import { type Case, ERROR_HEADERS, MEDIA_HEADERS } from './case.ts'

/** The `ftyp` box of an MP4 file, and the start of a Matroska file. */
const MP4 = /^....ftyp/s
const WEBM = /^\u001aE/

export const clips: readonly Case[] = [
  {
    name: 'a clip of a video',
    path: '/attachments/1/video.mp4?format=mp4&width=64&duration=1',
    status: 200,
    expect: {
      ...MEDIA_HEADERS,
      'cache-control': 'public, max-age=31536000, immutable, no-transform',
      'content-type': 'video/mp4',
      'content-disposition': `inline; filename="video.mp4"; filename*=UTF-8''video.mp4`,
    },
    body: MP4,
  },
  {
    name: 'a range of a clip',
    path: '/attachments/1/video.mp4?format=mp4&width=64&duration=1',
    headers: { range: 'bytes=4-7' },
    status: 206,
    expect: { 'content-type': 'video/mp4', 'content-range': /^bytes 4-7\/\d+$/ },
    body: 'ftyp',
  },
  {
    name: 'a clip as a download',
    path: '/attachments/1/video.mp4?format=webm&width=64&duration=1&audio=false&download=true',
    status: 200,
    expect: { 'content-type': 'video/webm', 'content-disposition': /^attachment; filename="video.webm"/ },
    body: WEBM,
  },
  {
    name: 'no clip of a still image',
    path: '/attachments/1/land.png?format=mp4',
    status: 400,
    expect: ERROR_HEADERS,
    body: 'Only images and videos can be transformed',
  },
  {
    name: 'no clip that is cropped',
    path: '/attachments/1/video.mp4?format=mp4&width=64&height=64&fit=cover',
    status: 400,
    body: 'Bad Request',
  },
  {
    name: 'no clip that begins at the best frame',
    path: '/attachments/1/video.mp4?format=mp4&time=best',
    status: 400,
    body: 'Bad Request',
  },
  {
    name: 'no clip of an asset',
    path: '/avatars/1/a.png?format=mp4',
    status: 400,
    body: 'Bad Request',
  },
  {
    name: 'a sprite sheet of a video',
    path: '/attachments/1/video.mp4?sprite=2x2&width=32&format=png',
    status: 200,
    expect: { ...MEDIA_HEADERS, 'content-type': 'image/png', 'x-sprite-interval': '0.750' },
    image: { format: 'png', width: 64, height: 38 },
  },
  {
    name: 'no sprite sheet of an image',
    path: '/attachments/1/land.png?sprite=2x2',
    status: 400,
    body: 'Only images and videos can be transformed',
  },
  {
    name: 'no sprite sheet that is too large',
    path: '/attachments/1/video.mp4?sprite=11x1',
    status: 400,
    body: 'Bad Request',
  },
]
