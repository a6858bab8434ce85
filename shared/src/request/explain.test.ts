import { expect, it } from 'vitest'
import { fail } from '../response/failure.ts'
import { detailOf } from './explain.ts'

it.each([
  [
    'a character of two halves on the end of what is shown',
    `${'x'.repeat(39)}😀`,
    `${'x'.repeat(39)}%EF%BF%BD`,
  ],
  ['half of a character', '\ud83d', '%EF%BF%BD'],
  ['a whole one', '😀', '%F0%9F%98%80'],
])('a value with %s is explained', (_, found, shown) => {
  const failure = { ...fail('bad-request'), hint: { parameter: 'width', found } }
  expect(detailOf(failure)).toContain(`width=${shown} is invalid`)
})
