import { expect, it } from 'vitest'
import { typeOfName } from './type-of-name.ts'

it.each([
  ['a.png', 'image/png'],
  ['folder/A.SVG', 'image/svg+xml'],
  ['.hidden.css', 'text/css'],
  ['svg', null],
  ['one', null],
  ['.png', null],
  ['folder/mp4', null],
  ['a.', null],
  ['', null],
])('the type of %j is %s', (name, type) => {
  expect(typeOfName(name)).toBe(type)
})
