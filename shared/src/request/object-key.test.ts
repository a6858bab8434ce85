import { describe, expect, it } from 'vitest'
import { isFailure } from '../response/failure.ts'
import { MAX_KEY_BYTES, toObjectKey } from './object-key.ts'

describe('an object key', () => {
  it.each(['a', "a (1)'!*.png", 'a/b', '😀', 'x'.repeat(MAX_KEY_BYTES)])('may be %j', (text) => {
    expect(toObjectKey(text)).toBe(text)
  })

  it.each([
    '',
    'a//b',
    '/a',
    'a/',
    '.',
    'a/../b',
    'a\\b',
    'a\u0000',
    'a\u0085',
    '\ud83d',
    'a\udc00b',
    'x'.repeat(MAX_KEY_BYTES + 1),
    'ü'.repeat(MAX_KEY_BYTES / 2 + 1),
  ])('may not be %j', (text) => {
    expect(isFailure(toObjectKey(text))).toBe(true)
  })
})
