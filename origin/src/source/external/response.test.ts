import { expect, it } from 'vitest'
import { type ExternalResponse, isSameFile } from './response.ts'

const response = (own: Partial<ExternalResponse>): ExternalResponse => ({
  url: 'https://media.example/a.mp4',
  sizeBytes: 1000,
  etag: undefined,
  lastModified: undefined,
  offersRanges: true,
  lifetimeSeconds: undefined,
  body: new ReadableStream(),
  ...own,
})
const date = (day: number) => new Date(Date.UTC(2024, 0, day))

it.each([
  ['the same ETag', { etag: '"a"' }, { etag: '"a"' }, true],
  [
    'the same ETag at several dates',
    { etag: '"a"', lastModified: date(1) },
    { etag: '"a"', lastModified: date(2) },
    true,
  ],
  ['another ETag', { etag: '"a"', lastModified: date(1) }, { etag: '"b"', lastModified: date(1) }, false],
  ['an ETag once', { etag: '"a"' }, {}, false],
  ['the same date', { lastModified: date(1) }, { lastModified: date(1) }, true],
  ['another date', { lastModified: date(1) }, { lastModified: date(2) }, false],
  ['no validators', {}, {}, true],
  ['another size', { etag: '"a"' }, { etag: '"a"', sizeBytes: 1001 }, false],
])('of responses with %s, the ranges belong together or not', (_, one, other, expected) => {
  expect(isSameFile(response(one), response(other))).toBe(expected)
})
