import { describe, expect, it } from 'vitest'
import { checkConditions, formatRange, requestedRange, resolveRange } from './conditional.ts'

const etag = '"abc"'
const lastModified = new Date('2026-03-01T12:00:00.700Z')
const known = { etag, lastModified }

describe('a conditional request', () => {
  it.each([
    [{ 'if-none-match': '"abc"' }, 'not-modified'],
    [{ 'if-none-match': 'W/"abc"' }, 'not-modified'],
    [{ 'if-none-match': '"x", "abc"' }, 'not-modified'],
    [{ 'if-none-match': '*' }, 'not-modified'],
    [{ 'if-none-match': '"x"' }, undefined],
    [{ 'if-none-match': 'abc' }, undefined],
    [{ 'if-modified-since': 'Sun, 01 Mar 2026 12:00:00 GMT' }, 'not-modified'],
    [{ 'if-modified-since': 'Sun, 01 Mar 2026 11:59:59 GMT' }, undefined],
    [{ 'if-modified-since': 'Sunday, 01-Mar-26 12:00:00 GMT' }, 'not-modified'],
    [{ 'if-modified-since': 'Sun Mar  1 12:00:00 2026' }, 'not-modified'],
    [{ 'if-modified-since': 'soon' }, undefined],
    // With both headers, the ETag takes precedence (RFC 9110, section 13.2.2).
    [{ 'if-none-match': '"x"', 'if-modified-since': 'Sun, 01 Mar 2026 12:00:00 GMT' }, undefined],
    [{}, undefined],
    [{ 'if-match': '"abc"' }, undefined],
    [{ 'if-match': '"x", "abc"' }, undefined],
    [{ 'if-match': '*' }, undefined],
    [{ 'if-match': '"x"' }, 'precondition-failed'],
    // The comparison is strong (section 13.1.1).
    [{ 'if-match': 'W/"abc"' }, 'precondition-failed'],
    [{ 'if-unmodified-since': 'Sun, 01 Mar 2026 12:00:00 GMT' }, undefined],
    [{ 'if-unmodified-since': 'Sun, 01 Mar 2026 11:59:59 GMT' }, 'precondition-failed'],
    [{ 'if-unmodified-since': 'soon' }, undefined],
    [{ 'if-unmodified-since': '5' }, undefined],
    [{ 'if-match': '"abc"', 'if-unmodified-since': 'Sun, 01 Mar 2026 11:59:59 GMT' }, undefined],
    [{ 'if-match': '"abc"', 'if-none-match': '"abc"' }, 'not-modified'],
    [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 'precondition-failed'],
  ])('with %j is %s', (headers, verdict) => {
    expect(checkConditions(new Headers(headers as Record<string, string>), known)).toBe(verdict)
  })

  // An invalid date is ignored even when a lenient parser could read it (RFC 9110, section 13.1.3).
  it.each([
    '2099',
    'garbage 2099',
    'Sun, 01 Mar 2099 12:00:00',
    'Sun, 01 Mar 2099 12:00:00 +0000',
    '2099-03-01T12:00:00Z',
  ])('ignores %j, which is not an HTTP date', (date) => {
    expect(checkConditions(new Headers({ 'if-modified-since': date }), known)).toBeUndefined()
    expect(checkConditions(new Headers({ 'if-unmodified-since': date }), known)).toBeUndefined()
  })
})

it.each([
  [{ 'if-none-match': '"x,1", W/"a,b"' }, 'not-modified'],
  [{ 'if-match': '"x","a,b"' }, undefined],
  [{ 'if-match': '"a", "b"' }, 'precondition-failed'],
])('treats an ETag with a comma as one ETag: %j is %s', (headers, verdict) => {
  const comma = { etag: '"a,b"', lastModified }
  expect(checkConditions(new Headers(headers as Record<string, string>), comma)).toBe(verdict)
})

describe('a range request', () => {
  it.each([
    ['bytes=0-0', 10, { start: 0, end: 0 }],
    ['bytes=2-', 10, { start: 2, end: 9 }],
    ['bytes=9-9', 10, { start: 9, end: 9 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=0-99', 10, { start: 0, end: 9 }],
    ['bytes=0-9223372036854775807', 10, { start: 0, end: 9 }],
    ['bytes=5-99999999999999999999999', 10, { start: 5, end: 9 }],
    ['bytes=18446744073709551615-', 10, 'unsatisfiable'],
    ['bytes=-18446744073709551615', 10, { start: 0, end: 9 }],
    ['bytes=-4', 10, { start: 6, end: 9 }],
    ['bytes=-40', 10, { start: 0, end: 9 }],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-0', 0, 'unsatisfiable'],
    ['BYTES=0-1', 10, { start: 0, end: 1 }],
  ])('is parsed: %s of %i bytes', (range, size, part) => {
    const wanted = requestedRange(new Headers({ range }))
    expect(wanted === undefined ? undefined : resolveRange(wanted, size)).toEqual(part)
  })

  it.each(['bytes=0-1,3-4', 'bytes=', 'bytes=-', 'bytes=5-2', 'bytes=a-b', 'lines=0-1', 'bytes 0-1'])(
    'with %s requests the whole',
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
  ])('with If-Range %s applies: %s', (ifRange, holds) => {
    const headers = new Headers({ range: 'bytes=0-1', 'if-range': ifRange })
    expect(requestedRange(headers, known) !== undefined).toBe(holds)
  })

  it.each(['bytes=0-0', 'bytes=7-', 'bytes=-3', 'bytes=0-9007199254740991'])(
    'with %s is formatted as it was read',
    (range) => {
      const wanted = requestedRange(new Headers({ range }))
      expect(wanted && formatRange(wanted)).toBe(range)
    },
  )
})
