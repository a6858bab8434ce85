import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { readPlainPng } from './plain-png.ts'
import { encodePngChunk, PNG_SIGNATURE, pngChunks } from './png-chunks.ts'

const drawing = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><circle cx="9" cy="9" r="8" fill="red"/></svg>',
)
const circle = () => sharp(drawing)
const opaque = () => circle().flatten({ background: 'blue' })

const KINDS: Readonly<Record<string, () => Sharp>> = {
  'RGB and alpha': () => circle().png(),
  RGB: () => opaque().png(),
  'a palette': () => opaque().png({ palette: true }),
  'a palette with alpha': () => circle().png({ palette: true }),
  'a palette of two colours': () => opaque().png({ palette: true, colours: 2 }),
  grey: () => opaque().greyscale().png(),
  'grey and alpha': () => circle().greyscale().png(),
  interlaced: () => circle().png({ progressive: true }),
}

describe('the header of a PNG', () => {
  it.each(Object.entries(KINDS))('is read as Sharp reads it: %s', async (_, make) => {
    const png = await make().toBuffer()
    const { width, height, channels, hasAlpha, isPalette, isProgressive, space, depth } =
      await sharp(png).metadata()
    expect([space, depth]).toEqual([channels < 3 ? 'b-w' : 'srgb', 'uchar'])
    expect(readPlainPng(png)).toEqual({
      width,
      height,
      bands: channels,
      hasAlpha,
      palette: isPalette,
      interlaced: isProgressive,
    })
  })

  it.each([
    [0, 1],
    [0, 8],
    [2, 8],
  ])('is read as Sharp reads it with one transparent colour: type %i, depth %i', async (type, depth) => {
    const chunks = [
      encodePngChunk('IHDR', Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, depth, type, 0, 0, 0)),
      encodePngChunk('tRNS', new Uint8Array(type === 0 ? 2 : 6)),
      encodePngChunk('IDAT', Buffer.from('789c63600000000200016e1d0b5a', 'hex')),
      encodePngChunk('IEND'),
    ]
    const png = Buffer.concat([PNG_SIGNATURE, ...chunks])
    const { channels, hasAlpha } = await sharp(png).metadata()
    expect(readPlainPng(png)).toMatchObject({ bands: channels, hasAlpha })
  })

  it.each(['iCCP', 'gAMA', 'cHRM', 'cICP', 'eXIf', 'acTL', 'fcTL', 'iTXt', 'zTXt', 'IHDR', 'abcd'])(
    'is left to Sharp when %s may change how it is shown',
    async (id) => {
      expect(readPlainPng(await withChunk(id))).toBeUndefined()
    },
  )

  it.each(['sRGB', 'tEXt', 'pHYs', 'tIME'])('is read when %s does not change how it is shown', async (id) => {
    expect(readPlainPng(await withChunk(id))).toMatchObject({ width: 30, height: 20 })
  })

  it('is left to Sharp when it is damaged, deep or incomplete', async () => {
    const png = await circle().png().toBuffer()
    const damaged = Buffer.from(png)
    damaged[19] = 31
    expect(readPlainPng(damaged)).toBeUndefined()
    expect(readPlainPng(png.subarray(0, 40))).toBeUndefined()
    expect(readPlainPng(await circle().toColourspace('rgb16').png().toBuffer())).toBeUndefined()
    expect(readPlainPng(Buffer.from('not a PNG at all'))).toBeUndefined()
  })

  it.each([
    ['without a width', [0, 0, 0, 0, 0, 0, 0, 1, 8, 2, 0, 0, 0]],
    ['of an unknown colour type', [0, 0, 0, 1, 0, 0, 0, 1, 8, 5, 0, 0, 0]],
    ['of a depth that its type does not have', [0, 0, 0, 1, 0, 0, 0, 1, 4, 2, 0, 0, 0]],
    ['of an unknown interlacing', [0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 2]],
  ])('is left to Sharp when it is invalid: %s', (_, header) => {
    const chunks = [encodePngChunk('IHDR', Uint8Array.from(header)), encodePngChunk('IDAT')]
    expect(readPlainPng(Buffer.concat([PNG_SIGNATURE, ...chunks]))).toBeUndefined()
  })
})

/** Returns a PNG with one more chunk in front of its image data. */
async function withChunk(id: string): Promise<Buffer> {
  const chunks = [...pngChunks(await circle().png().toBuffer())]
  const at = chunks.findIndex((chunk) => chunk.id === 'IDAT')
  const all = chunks.map((chunk) => encodePngChunk(chunk.id, chunk.data))
  return Buffer.concat([
    PNG_SIGNATURE,
    ...all.slice(0, at),
    encodePngChunk(id, Uint8Array.of(0)),
    ...all.slice(at),
  ])
}
