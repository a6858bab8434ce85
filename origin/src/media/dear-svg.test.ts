import { expect, it } from 'vitest'
import { mayBeDear } from './dear-svg.ts'

const icon = (inside: string) =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${inside}</svg>`)

it.each([
  ['an icon', '<style>.a{fill:red}</style><path class="a" d="M0 0h24v24z"/>', false],
  ['a filter', '<filter id="f"><feMorphology/></filter>', true],
  ['a filter with a prefix', '<s:filter id="f"/>', true],
  ['a primitive alone', '<feTurbulence/>', true],
  ['a pattern', '<pattern id="p"/>', true],
  ['what is drawn again', '<use href="#a"/>', true],
  ['32 KiB', `<path d="${'M0 0'.repeat(9000)}"/>`, true],
])('%s', (_, inside, dear) => {
  expect(mayBeDear(icon(inside))).toBe(dear)
})

it.each([
  ['compressed', Buffer.from([0x1f, 0x8b, 8, 0])],
  ['in two bytes a character', Buffer.from('<svg/>', 'utf16le')],
])('an SVG that is %s does not count as a simple icon', (_, bytes) => {
  expect(mayBeDear(bytes)).toBe(true)
})
