/** What is streamed as it is stored, whole and in ranges. */

import { type Case, ERROR_HEADERS, MEDIA_HEADERS } from './case.ts'

export const files: readonly Case[] = [
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

export const ranges: readonly Case[] = ['/attachments/1/digits.bin', '/avatars/1/small.png'].flatMap(
  (path) => [
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
  ],
)
