import { describe, expect, it } from 'vitest'
import { formatRange, isNotModified, requestedRange, resolveRange } from './conditional.ts'

const etag = '"abc"'
const lastModified = new Date('2026-03-01T12:00:00.700Z')
const known = { etag, lastModified }

describe('a condition', () => {
  it.each([
    [{ 'if-none-match': '"abc"' }, true],
    [{ 'if-none-match': 'W/"abc"' }, true],
    [{ 'if-none-match': '"x", "abc"' }, true],
    [{ 'if-none-match': '*' }, true],
    [{ 'if-none-match': '"x"' }, false],
    [{ 'if-none-match': 'abc' }, false],
    [{ 'if-modified-since': 'Sun, 01 Mar 2026 12:00:00 GMT' }, true],
    [{ 'if-modified-since': 'Sun, 01 Mar 2026 11:59:59 GMT' }, false],
    [{ 'if-modified-since': 'soon' }, false],
    // The ETag has the say where both are given (RFC 9110, section 13.2.2).
    [{ 'if-none-match': '"x"', 'if-modified-since': 'Sun, 01 Mar 2026 12:00:00 GMT' }, false],
    [{}, false],
  ])('%j is %s', (headers, verdict) => {
    expect(isNotModified(new Headers(headers as Record<string, string>), known)).toBe(verdict)
  })
})

describe('a range', () => {
  it.each([
    ['bytes=0-0', 10, { start: 0, end: 0 }],
    ['bytes=2-', 10, { start: 2, end: 9 }],
    ['bytes=9-9', 10, { start: 9, end: 9 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=0-99', 10, { start: 0, end: 9 }],
    ['bytes=-4', 10, { start: 6, end: 9 }],
    ['bytes=-40', 10, { start: 0, end: 9 }],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-0', 0, 'unsatisfiable'],
    ['BYTES=0-1', 10, { start: 0, end: 1 }],
  ])('%s of %i bytes', (range, size, part) => {
    const wanted = requestedRange(new Headers({ range }))
    expect(wanted === undefined ? undefined : resolveRange(wanted, size)).toEqual(part)
  })

  it.each(['bytes=0-1,3-4', 'bytes=', 'bytes=-', 'bytes=5-2', 'bytes=a-b', 'lines=0-1', 'bytes 0-1'])(
    '%s asks for the whole',
    (range) => {
      expect(requestedRange(new Headers({ range }))).toBeUndefined()
    },
  )

  it.each([
    ['"abc"', true],
    ['W/"abc"', false],
    ['"x"', false],
    ['Sun, 01 Mar 2026 12:00:00 GMT', true],
    ['Sun, 01 Mar 2026 12:00:01 GMT', false],
    ['soon', false],
  ])('with If-Range %s holds: %s', (ifRange, holds) => {
    const headers = new Headers({ range: 'bytes=0-1', 'if-range': ifRange })
    expect(requestedRange(headers, known) !== undefined).toBe(holds)
  })

  it.each(['bytes=0-0', 'bytes=7-', 'bytes=-3'])('%s is spelled as it was read', (range) => {
    const wanted = requestedRange(new Headers({ range }))
    expect(wanted && formatRange(wanted)).toBe(range)
  })
})
