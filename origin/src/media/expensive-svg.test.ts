import { expect, it } from 'vitest'
import { mayBeExpensive } from './expensive-svg.ts'

const icon = (inside: string) =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${inside}</svg>`)

it.each([
  ['an icon', '<style>.a{fill:red}</style><path class="a" d="M0 0h24v24z"/>', false],
  ['a filter', '<filter id="f"><feMorphology/></filter>', true],
  ['a filter with a prefix', '<s:filter id="f"/>', true],
  ['only a filter primitive', '<feTurbulence/>', true],
  ['a pattern', '<pattern id="p"/>', true],
  ['reused content', '<use href="#a"/>', true],
  ['32 KiB', `<path d="${'M0 0'.repeat(9000)}"/>`, true],
])('an SVG with %s counts as simple or expensive', (_, inside, expensive) => {
  expect(mayBeExpensive(icon(inside))).toBe(expensive)
})

it.each([
  ['compressed', Buffer.from([0x1f, 0x8b, 8, 0])],
  ['in UTF-16', Buffer.from('<svg/>', 'utf16le')],
])('an SVG that is %s does not count as a simple icon', (_, bytes) => {
  expect(mayBeExpensive(bytes)).toBe(true)
})
