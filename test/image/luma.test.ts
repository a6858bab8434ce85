/** Tests a TIFF of luma and chroma that is not inside JPEG. */

import { wrapInTiff } from '@media-proxy/origin/engine/process/formats/tiff/tiff-wrap.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'

const SIDE = 16
/** Luma, blue and red chroma of (220, 30, 30) and (30, 60, 200), with the weights of TIFF 6.0, section 21. */
const [RED, BLUE] = [
  [87, 96, 223],
  [67, 203, 102],
]

/** Builds a TIFF with a red left half and a blue right half. */
function lumaTiff(): Buffer {
  const samples = Array.from({ length: SIDE * SIDE }, (_, at) => (at % SIDE < SIDE / 2 ? RED : BLUE)).flat()
  const data = Uint8Array.from(samples.filter((sample) => sample !== undefined))
  const file = Buffer.from(wrapInTiff({ data, width: SIDE, height: SIDE, channels: 3 }))
  const entryOf = (tag: number) => {
    const start = file.readUInt32LE(4) + 2
    for (let at = start; at < file.length; at += 12) if (file.readUInt16LE(at) === tag) return at
    throw new Error(`no tag ${tag}`)
  }
  file.writeUInt16LE(6, entryOf(262) + 8)
  // Replaces a redundant entry by the subsampling: as much chroma as luma, horizontally and vertically.
  const at = entryOf(284)
  file.writeUInt16LE(530, at)
  file.writeUInt32LE(2, at + 4)
  file.writeUInt16LE(1, at + 8)
  file.writeUInt16LE(1, at + 10)
  return file
}

it('a TIFF of luma and chroma has the right colours', async () => {
  const service = await openFilesystemOrigin({})
  await service.put('attachments/1/luma.tiff', lumaTiff())
  const answers = await Promise.all(
    ['format=png', 'format=webp&quality=lossless&width=8'].map((query) =>
      send(service.url, `/attachments/1/luma.tiff?${query}`),
    ),
  )
  await service.close()
  for (const { status, body } of answers) {
    expect(status).toBe(200)
    const { data, info } = await sharp(body).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    const pixel = (x: number) => [...data.subarray(x * 3, x * 3 + 3)]
    for (const [shown, colour] of [
      [pixel(0), [220, 30, 30]],
      [pixel(info.width - 1), [30, 60, 200]],
    ] as const)
      for (const [at, value] of colour.entries())
        expect(Math.abs((shown[at] ?? 0) - value)).toBeLessThanOrEqual(3)
  }
})
