import sharp from 'sharp'
import { expect, it } from 'vitest'
import { hasAmbiguousColours } from './jpeg-colours.ts'

/** Without a JFIF marker, which Sharp does not write. */
const plain = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#c31' } })
  .jpeg()
  .toBuffer()
const START_BYTES = 2
const JFIF = Buffer.from('ffe000104a46494600010100000100010000', 'hex')

function withSegment(jpeg: Buffer, segment: Buffer): Buffer {
  return Buffer.concat([jpeg.subarray(0, START_BYTES), segment, jpeg.subarray(START_BYTES)])
}

/** Returns a JPEG with an Adobe marker that states a colour transform. */
function withAdobe(jpeg: Buffer, transform: number): Buffer {
  const marker = Buffer.from('ffee000e41646f626500640000000000', 'hex')
  marker[15] = transform
  return withSegment(jpeg, marker)
}

/** Returns a JPEG whose components are named R, G and B. */
function namedRgb(jpeg: Buffer): Buffer {
  const named = Buffer.from(jpeg)
  const frameAt = named.indexOf(Buffer.from([0xff, 0xc0]))
  const scanAt = named.indexOf(Buffer.from([0xff, 0xda]))
  for (const [index, name] of [...Buffer.from('RGB')].entries()) {
    named[frameAt + 10 + 3 * index] = name
    named[scanAt + 5 + 2 * index] = name
  }
  return named
}

it.each([
  ['with a JFIF marker', withSegment(plain, JFIF), false],
  ['with a JFIF marker, although its components are named RGB', withSegment(namedRgb(plain), JFIF), false],
  ['without a marker', plain, false],
  ['without a marker, whose components are named RGB', namedRgb(plain), true],
  ['that Adobe marks as RGB', withAdobe(plain, 0), true],
  ['that Adobe marks as luma and chroma', withAdobe(plain, 1), true],
  ['that ends in its headers', plain.subarray(0, 40), true],
])('the colours of a JPEG %s are ambiguous: %#', (_, jpeg, isAmbiguous) => {
  expect(hasAmbiguousColours(jpeg)).toBe(isAmbiguous)
})

it('an ambiguous JPEG is one that Sharp decodes as RGB', async () => {
  const levels = async (jpeg: Buffer) => [...(await sharp(jpeg).raw().toBuffer()).subarray(0, 3)]
  const seen = await levels(plain)
  expect(await levels(withSegment(namedRgb(plain), JFIF))).toEqual(seen)
  expect(await levels(namedRgb(plain))).not.toEqual(seen)
  expect(await levels(withAdobe(plain, 0))).not.toEqual(seen)
})
