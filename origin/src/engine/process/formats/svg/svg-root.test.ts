import { expect, it } from 'vitest'
import { svgSize, withPixelSize } from './svg-root.ts'

/** In time quadratic in this length, repeated `TIMES` times, the test would take minutes. */
const LONG = 60_000
const TIMES = 30

it.each([
  ['an invalid width of digits', `width="${'1'.repeat(LONG)}!"`],
  ['a width of spaces', `width="1${' '.repeat(LONG)}!"`],
  ['a background of spaces', `style="background:x${' '.repeat(LONG)}x"`],
])('takes linear and not quadratic time for %s', (_, attribute) => {
  const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${attribute} viewBox="0 0 30 15"/>`)
  for (let time = 0; time < TIMES; time += 1) {
    expect(svgSize(svg)).toEqual({ width: 300, height: 150 })
    expect(svgSize(withPixelSize(svg))).toBeDefined()
  }
})

it.each([
  ['12', 12],
  ['12.', 12],
  ['.5in', 48],
  ['1.5e1px', 15],
  [' +3 ', 3],
  ['1.2.3', undefined],
  ['.', undefined],
])('reads %j as a width', (width, pixels) => {
  const size = svgSize(Buffer.from(`<svg width="${width}" height="7"/>`))
  expect(size?.width).toBe(pixels ?? 300)
})

it.each([
  ['red', true],
  ['red !important', true],
  ['red  !important  ', true],
  ['light-dark(#fff, #000) !important', true],
  ['url(a.png)', false],
])('paints a background of %j', (background, isPainted) => {
  const svg = Buffer.from(`<svg style="background: ${background}"><g/></svg>`)
  expect(Buffer.from(withPixelSize(svg)).includes('<rect ')).toBe(isPainted)
})
