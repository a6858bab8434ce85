import { expect, it } from 'vitest'
import { acceptsType } from './formats.ts'

it.each([
  ['image/avif', true],
  ['image/webp, image/avif;q=0.8, */*', true],
  ['IMAGE/AVIF', true],
  ['image/avif;q=0', false],
  ['image/avif; q=0.000', false],
  ['image/avif;q=0.001', true],
  ['image/*', false],
  ['*/*', false],
  ['image/avif-sequence', false],
  ['', false],
  [null, false],
])('Accept %s requests AVIF: %s', (accept, verdict) => {
  expect(acceptsType(accept, 'image/avif')).toBe(verdict)
})
