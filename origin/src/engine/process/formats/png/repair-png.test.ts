import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { encodePngChunk, PNG_SIGNATURE, pngChunks } from './png-chunks.ts'
import { isHdrPng, withDeclaredProfile } from './png-colours.ts'
import { isWholePng, repairPng } from './repair-png.ts'

/** Encodes a red PNG with `count` meaningless chunks before its image data. */
async function withChunks(count: number): Promise<Buffer> {
  const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#ff0000' } })
    .png()
    .toBuffer()
  const headEnd = [...pngChunks(png)][0]?.end ?? 0
  const idle = encodePngChunk('prVt')
  return Buffer.concat([
    png.subarray(0, headEnd),
    Buffer.alloc(count * idle.length, idle),
    png.subarray(headEnd),
  ])
}

setFlagsFromString('--expose-gc')
const collect: NodeJS.GCFunction = runInNewContext('gc')

/**
 * Returns the size of the heap without short-lived objects. Objects that are held through several collections
 * count, even if they are garbage by now.
 */
function heldBytes(): number {
  collect({ type: 'minor', execution: 'sync' })
  return process.memoryUsage().heapUsed
}

const MANY = 400_000
const MAX_BYTES = 40_000_000

it.each<[string, (png: Uint8Array) => unknown, unknown]>([
  ['the check', isWholePng, true],
  ['the search for HDR', isHdrPng, false],
  ['the repair', (png) => repairPng(png, { checksData: false }), undefined],
  ['the conversion of colours', (png) => withDeclaredProfile(png, {}), undefined],
])('%s stores none of the chunks that it skips, however many there are', async (_, read, result) => {
  const png = await withChunks(MANY)
  const before = heldBytes()
  expect(await read(png)).toBe(result)
  expect(heldBytes() - before).toBeLessThan(MAX_BYTES)
})

it('stores a limited number of the chunks of a damaged file', async () => {
  const png = await withChunks(MANY)
  const before = heldBytes()
  expect(isWholePng(png.subarray(0, -4))).toBe(false)
  expect(await repairPng(png.subarray(0, -4), { checksData: false })).toMatchObject({ code: 'undecodable' })
  expect(heldBytes() - before).toBeLessThan(MAX_BYTES)
  const few = await withChunks(100)
  const repaired = await repairPng(few.subarray(0, -4), { checksData: false })
  expect(repaired).toBeInstanceOf(Uint8Array)
})

it('replaces the chunks that declare the colours by a profile, and keeps the others', async () => {
  const [header, ...rest] = [...pngChunks(await withChunks(2))].map(({ id, data }) =>
    encodePngChunk(id, data),
  )
  if (header === undefined) throw new Error('no header')
  const gamma = encodePngChunk('gAMA', Buffer.of(0, 0, 0x27, 0x10))
  const idsOf = (png: Uint8Array) => [...pngChunks(png)].map(({ id }) => id)
  const profiled = await withDeclaredProfile(
    Buffer.concat([PNG_SIGNATURE, header, ...rest.slice(0, 1), gamma, ...rest.slice(1)]),
    {},
  )
  if (profiled !== undefined && !(profiled instanceof Uint8Array)) throw new Error(profiled.detail)
  const plain = Buffer.concat([PNG_SIGNATURE, header, ...rest])
  expect(idsOf(profiled ?? plain)).toEqual(idsOf(plain).toSpliced(1, 0, 'iCCP'))
})

it('ignores transparency with a wrong checksum, as browsers do', async () => {
  const [header, ...rest] = [...pngChunks(await withChunks(0))].map(({ id, data }) =>
    encodePngChunk(id, data),
  )
  if (header === undefined) throw new Error('no header')
  const allRed = Buffer.from(encodePngChunk('tRNS', Uint8Array.of(0, 255, 0, 0, 0, 0)))
  const alphaOf = async (transparency: Uint8Array) => {
    const png = Buffer.concat([PNG_SIGNATURE, header, transparency, ...rest])
    const repaired = (await repairPng(png, { checksData: false })) ?? png
    if (!(repaired instanceof Uint8Array)) throw new Error(repaired.detail)
    return (await sharp(repaired).ensureAlpha().raw().toBuffer())[3]
  }
  expect(await alphaOf(allRed)).toBe(0)
  expect(await alphaOf(Buffer.from(allRed).fill(7, allRed.length - 4))).toBe(255)
})

it.each([
  ['a window smaller than its distances', 0, true],
  ['a large enough window', 6, false],
])('decodes a PNG that declares %s', async (_, window, isRepaired) => {
  const [width, height] = [64, 64]
  const header = Buffer.of(0, 0, 0, width, 0, 0, 0, height, 8, 0, 0, 0, 0)
  // The lower half repeats the upper half.
  const rows = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (x * x * 31 + (y % 32) * 97 * x + (y % 32)) & 0xff),
  )
  const data = deflateSync(Buffer.from(rows.flatMap((row) => [0, ...row])))
  const method = (window << 4) | 8
  data.set([method, 31 - ((method * 256) % 31)])
  const chunks = [encodePngChunk('IHDR', header), encodePngChunk('IDAT', data), encodePngChunk('IEND')]
  const png = Buffer.concat([PNG_SIGNATURE, ...chunks])
  const repaired = await repairPng(png, { checksData: false })
  expect(repaired !== undefined).toBe(isRepaired)
  const read = repaired instanceof Uint8Array ? repaired : png
  const shown = await sharp(read, { failOn: 'none' }).toColourspace('b-w').raw().toBuffer()
  expect(shown.equals(Buffer.from(rows.flat()))).toBe(true)
})
