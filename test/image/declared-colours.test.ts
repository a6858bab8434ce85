/** Tests colours that an image declares without a profile: they look as in browsers. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { BT709, rgbProfile } from '@media-proxy/origin/engine/process/colours/icc-profile.ts'
import {
  encodePngChunk,
  PNG_SIGNATURE,
  pngChunks,
} from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { expectColour, keyOf, RED, red, SIDE } from './colour-samples.ts'

const SECRET = 'internal-secret'

/** Builds a PNG that declares its colours by other chunks than a profile. */
async function declaredPng(
  colours: readonly Uint8Array[],
  { deep = false, grey = false, dim = false } = {},
): Promise<Buffer> {
  const opened = grey
    ? sharp(GREYS, { raw: { width: GREYS.length, height: 1, channels: 1 } })
    : red()
        .removeAlpha()
        .linear(dim ? [0.5, 2, 2] : [1, 1, 1], [0, 0, 0])
  const png = await opened
    .toColourspace(grey ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb')
    .png()
    .toBuffer()
  const [header, ...rest] = [...pngChunks(png)].filter(({ id }) => ['IHDR', 'IDAT', 'IEND'].includes(id))
  if (header === undefined) throw new Error('no header')
  const encoded = [header, ...rest].map(({ id, data }) => encodePngChunk(id, data))
  return Buffer.concat([PNG_SIGNATURE, ...encoded.slice(0, 1), ...colours, ...encoded.slice(1)])
}

const GREYS = Buffer.from(Array.from({ length: SIDE }, () => 100))
const cicp = (primaries: number, transfer: number) =>
  encodePngChunk('cICP', Uint8Array.of(primaries, transfer, 0, 1))
const gama = (value: number) => encodePngChunk('gAMA', uint32(value))
const chrm = (...values: readonly number[]) => encodePngChunk('cHRM', ...values.map(uint32))
const iccp = (profile: Uint8Array) =>
  encodePngChunk('iCCP', Buffer.from('name\0\0', 'latin1'), deflateSync(profile))
const withWrongChecksum = (chunk: Uint8Array) => Buffer.from(chunk).fill(7, chunk.length - 4)
const palette = encodePngChunk('PLTE', Uint8Array.of(0, 0, 0))
const P3 = chrm(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Adds code points to a profile (cicpTag, ICC.1:2022, section 9.2.17). */
function withCodePoints(icc: Buffer, primaries: number, transfer: number): Buffer {
  const [head, count] = [icc.subarray(0, 128), icc.readUInt32BE(128)]
  const table = Buffer.from(icc.subarray(132, 132 + 12 * count))
  for (let tag = 0; tag < count; tag += 1)
    table.writeUInt32BE(table.readUInt32BE(12 * tag + 4) + 12, 12 * tag + 4)
  const data = icc.subarray(132 + 12 * count)
  const entry = [Buffer.from('cicp', 'latin1'), uint32(icc.length + 12), uint32(12)]
  const points = [Buffer.from('cicp\0\0\0\0', 'latin1'), Uint8Array.of(primaries, transfer, 0, 1)]
  return Buffer.concat([head, uint32(count + 1), table, ...entry, data, ...points])
}

/** Reads a file that avifenc made of one red (220, 30, 30), or of the colour in its name. */
const media = (name: string) => readFile(join(import.meta.dirname, `../media/${name}.avif`))

/** What Chromium 156 shows for (220, 30, 30), or for a grey of 100. */
const DECLARED: Readonly<
  Record<string, readonly [() => Promise<Buffer>, readonly [number, number, number]]>
> = {
  'cICP of sRGB': [() => declaredPng([cicp(1, 13)]), RED],
  'cICP of Display P3': [() => declaredPng([cicp(12, 13)]), [240, 0, 0]],
  'cICP of Display P3, 16 bits': [() => declaredPng([cicp(12, 13)], { deep: true }), [240, 0, 0]],
  'cICP of linear light': [() => declaredPng([cicp(1, 8)]), [239, 95, 95]],
  'cICP before sRGB and gAMA': [
    () => declaredPng([cicp(1, 8), encodePngChunk('sRGB', Uint8Array.of(0)), gama(45455)]),
    [239, 95, 95],
  ],
  'gAMA of linear light': [() => declaredPng([gama(100000)]), [239, 95, 95]],
  'gAMA of linear light, 16 bits': [() => declaredPng([gama(100000)], { deep: true }), [239, 95, 95]],
  'sRGB before gAMA': [() => declaredPng([encodePngChunk('sRGB', Uint8Array.of(0)), gama(100000)]), RED],
  'gAMA and cHRM of Display P3': [() => declaredPng([gama(45455), P3]), [241, 0, 0]],
  'cHRM alone': [() => declaredPng([P3]), RED],
  'gAMA of grey': [() => declaredPng([gama(100000)], { grey: true }), [168, 168, 168]],
  'gAMA of grey, 16 bits': [() => declaredPng([gama(100000)], { grey: true, deep: true }), [168, 168, 168]],
  'gAMA of linear light behind code points that leave it open': [
    () => declaredPng([cicp(2, 2), gama(100000)]),
    [239, 95, 95],
  ],
  'gAMA of linear light behind code points of limited range': [
    () => declaredPng([encodePngChunk('cICP', Uint8Array.of(12, 13, 0, 0)), gama(100000)]),
    [239, 95, 95],
  ],
  'gAMA of linear light behind what is no profile': [
    () => declaredPng([encodePngChunk('iCCP', Buffer.from('junk\0\0junk')), gama(100000)]),
    [239, 95, 95],
  ],
  'gAMA of linear light with primaries of nothing': [
    () => declaredPng([gama(100000), chrm(...Array(8).fill(0))]),
    RED,
  ],
  'gAMA of linear light with a byte too much': [
    () => declaredPng([encodePngChunk('gAMA', uint32(100000), Buffer.alloc(1))]),
    RED,
  ],
  'gAMA of linear light with a wrong checksum': [() => declaredPng([withWrongChecksum(gama(100000))]), RED],
  'cICP of linear light behind a palette': [() => declaredPng([palette, cicp(1, 8)]), RED],
  'gAMA of linear light behind a palette': [() => declaredPng([palette, gama(100000)]), [239, 95, 95]],
  'profile of linear light behind a palette': [
    () => declaredPng([palette, iccp(rgbProfile(BT709, 1))]),
    [239, 95, 95],
  ],
  'profile of linear light behind sRGB and a palette, 16 bits': [
    () =>
      declaredPng([encodePngChunk('sRGB', Uint8Array.of(0)), palette, iccp(rgbProfile(BT709, 1))], {
        deep: true,
      }),
    [239, 95, 95],
  ],
  'what is no profile, 16 bits': [
    () => declaredPng([iccp(Buffer.from('no profile '.repeat(20)))], { deep: true }),
    RED,
  ],
  'grey with a profile of linear colours': [
    () => declaredPng([iccp(rgbProfile(BT709, 1))], { grey: true }),
    [168, 168, 168],
  ],
  'AVIF of sRGB': [() => media('tagged-srgb'), RED],
  'AVIF of BT.709': [() => media('tagged-television'), RED],
  'AVIF of Display P3': [() => media('tagged-p3'), [240, 0, 0]],
  'AVIF of Display P3, 10 bits': [() => media('tagged-p3-deep'), [240, 0, 0]],
  'AVIF of linear light': [() => media('tagged-linear'), [239, 95, 95]],
}

/** The position of the byte with the range flag, from the type of the code points. */
const NCLX_RANGE_AT = 10

describe('colours declared without a profile', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (const [name, [make]] of Object.entries(DECLARED)) {
      const bytes = await make()
      await service.put(`attachments/1/${keyOf(name)}`, bytes)
      await service.put(`avatars/1/${keyOf(name)}`, bytes)
    }
    for (const name of ['grey-limited', 'premultiplied'])
      await service.put(`attachments/1/${name}`, await media(name))
    for (const name of ['grey-limited', 'unspecified-limited']) {
      const bytes = await media(name)
      bytes[bytes.indexOf('nclx') + NCLX_RANGE_AT] = 0x80
      await service.put(`attachments/1/${name}-declared-full`, bytes)
    }
    await service.put('attachments/1/pq.png', await declaredPng([cicp(9, 16)]))
    await service.put('attachments/1/hlg.png', await declaredPng([cicp(9, 18)], { deep: true }))
    await service.put('attachments/1/pq.avif', await media('tagged-pq'))
    const dimly = { deep: true, dim: true }
    const forOthers = iccp(rgbProfile(BT709, 2.2))
    await service.put('attachments/1/pq-deep.png', await declaredPng([cicp(9, 16)], dimly))
    await service.put('attachments/1/pq-profiled.png', await declaredPng([cicp(9, 16), forOthers], dimly))
    const profile = withCodePoints(rgbProfile(BT709, 2.2), 9, 16)
    await service.put('attachments/1/pq-points-of-profile.png', await declaredPng([iccp(profile)], dimly))
  })
  afterAll(() => service.close())

  it.each(Object.entries(DECLARED))('are shown as Chromium shows them: %s', async (name, [, colour]) => {
    for (const path of [
      `/attachments/1/${keyOf(name)}?format=png`,
      `/attachments/1/${keyOf(name)}?format=webp&quality=lossless&width=8`,
      `/avatars/1/${keyOf(name)}.png?size=16`,
    ]) {
      const { status, body } = await send(service.url, path)
      expect([path, status]).toEqual([path, 200])
      const { data } = await sharp(body).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
      expectColour([...data.subarray(0, 3)], colour, 3)
    }
  })

  it('for HDR take precedence over the fallback profile', async () => {
    const colourOf = async (name: string) => {
      const { status, body } = await send(service.url, `/attachments/1/${name}?format=png`)
      expect(status).toBe(200)
      return [...(await sharp(body).raw().toBuffer()).subarray(0, 3)]
    }
    expect(await colourOf('pq-profiled.png')).toEqual(await colourOf('pq-deep.png'))
    expect(await colourOf('pq-points-of-profile.png')).toEqual(await colourOf('pq-deep.png'))
  })

  it('of grey in limited range fill the whole range', async () => {
    const { body } = await send(service.url, '/attachments/1/grey-limited?format=png')
    const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
    const last = data.subarray(-info.channels)
    expect([data[0], Math.abs((last[0] ?? 0) - 200) < 3]).toEqual([0, true])
  })

  it('the range of an AVIF is the one that its code points declare, whatever its stream does', async () => {
    const cornersOf = async (name: string) => {
      const { status, body } = await send(service.url, `/attachments/1/${name}?format=png`)
      expect(status).toBe(200)
      const data = await sharp(body).toColourspace('srgb').removeAlpha().raw().toBuffer()
      return [[...data.subarray(0, 3)], [...data.subarray(-3)]] as const
    }
    // Measured with libavif.
    const [black, grey] = await cornersOf('grey-limited-declared-full')
    expectColour(black, [16, 16, 16], 2)
    expectColour(grey, [188, 188, 188], 2)
    expectColour((await cornersOf('unspecified-limited-declared-full'))[0], [238, 14, 14], 3)
  })

  it('that are premultiplied by their alpha are divided by it', async () => {
    const { body } = await send(service.url, '/attachments/1/premultiplied?format=png')
    const data = await sharp(body).raw().toBuffer()
    expectColour([...data.subarray(0, 4)], [220, 120, 30, 128], 3)
  })

  it.each(['pq.png', 'hlg.png', 'pq.avif'])('of %s are tone mapped and stay saturated', async (file) => {
    const { status, body } = await send(service.url, `/attachments/1/${file}?format=png`)
    expect(status).toBe(200)
    const [r = 0, g = 0, b = 0] = await sharp(body).raw().toBuffer()
    expect([r > 180, r - g > 150, r - b > 150]).toEqual([true, true, true])
  })
})
