/** Tests HEIF images in codings other than HEVC and AV1. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { isoBox } from '@media-proxy/origin/media/iso-boxes.test-data.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { halvesJpeg } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG, makeVideo } from '../videos.ts'

const SECRET = 'internal-secret'
const libav = await loadLibav()
let service: Service

beforeAll(async () => {
  service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
})
afterAll(async () => {
  await service.close()
  await libav?.pool.close()
})

const uint16 = (value: number) => Buffer.of(value >> 8, value & 255)
const uint32 = (value: number) => Buffer.concat([uint16(value >>> 16), uint16(value & 0xffff)])
const FULL = Buffer.alloc(4)

interface Coded {
  readonly brand: string
  /** The type of the item. */
  readonly type: string
  readonly width: number
  readonly height: number
  readonly coded: Uint8Array
  /** The properties of the item other than its size. */
  readonly properties?: readonly Buffer[]
}

/** Builds a HEIF file of one image. */
function heifOf({ brand, type, width, height, coded, properties = [] }: Coded): Buffer {
  const all = [isoBox('ispe', FULL, uint32(width), uint32(height)), ...properties]
  const ftyp = isoBox('ftyp', Buffer.from(brand), FULL, Buffer.from(`mif1${brand}`))
  const metaAt = (start: number) =>
    isoBox(
      'meta',
      FULL,
      isoBox('hdlr', FULL, FULL, Buffer.from('pict'), Buffer.alloc(13)),
      isoBox('pitm', FULL, uint16(1)),
      isoBox(
        ...(['iinf', FULL, uint16(1)] as const),
        isoBox('infe', Buffer.of(2, 0, 0, 0), uint16(1), uint16(0), Buffer.from(`${type}\0`)),
      ),
      isoBox(
        'iprp',
        isoBox('ipco', ...all),
        isoBox('ipma', FULL, uint32(1), uint16(1), Buffer.of(all.length, ...all.map((_, at) => 0x81 + at))),
      ),
      isoBox(
        ...(['iloc', FULL, Buffer.of(0x44, 0), uint16(1), uint16(1), uint16(0), uint16(1)] as const),
        ...[uint32(start), uint32(coded.length)],
      ),
    )
  const mediaAt = ftyp.length + metaAt(0).length + 8
  return Buffer.concat([ftyp, metaAt(mediaAt), isoBox('mdat', coded)])
}

/** Stores a file and returns its status as an avatar, the pixels of that, and its metadata. */
async function answersFor(name: string, file: Buffer) {
  await service.put(`avatars/1/${name}`, file)
  await service.put(name, file, undefined, 'uploads')
  const avatar = await send(service.url, `/avatars/1/${name}.png?size=64`)
  const metadata = await send(service.url, '/_metadata', {
    method: 'POST',
    headers: { 'x-internal-secret': SECRET },
    body: JSON.stringify({ type: 'upload', upload_filename: name }),
  })
  const image = avatar.status === 200 ? sharp(avatar.body).removeAlpha().raw() : undefined
  const drawn = await image?.toBuffer({ resolveWithObject: true })
  const pixel = (x: number, y: number) => {
    const at = (y * (drawn?.info.width ?? 0) + x) * 3
    return [...(drawn?.data.subarray(at, at + 3) ?? [])]
  }
  return { avatar, metadata, pixel }
}

const near = (colour: readonly number[]) => colour.map((value) => expect.closeTo(value, -1))
const [RED, BLUE] = [near([220, 30, 30]), near([30, 30, 220])]

it.skipIf(libav === undefined)('a HEIF image in JPEG is rendered with its rotation', async () => {
  const coded = await halvesJpeg(64, 32)
  // Rotated by 90 degrees anticlockwise, so that the right half is on top.
  const file = heifOf({
    brand: 'jpeg',
    type: 'jpeg',
    width: 64,
    height: 32,
    coded,
    properties: [isoBox('irot', Buffer.of(1))],
  })
  const { avatar, metadata, pixel } = await answersFor('turned', file)
  expect(avatar.status).toBe(200)
  expect(JSON.parse(metadata.body.toString())).toMatchObject({
    format: 'heic',
    content_type: 'image/heic',
    width: 32,
    height: 64,
  })
  expect([pixel(16, 8), pixel(16, 56)]).toEqual([BLUE, RED])
})

it.skipIf(libav === undefined)('a HEIF image in JPEG may have its tables in a property', async () => {
  const jpeg = await halvesJpeg(64, 32)
  const scanAt = jpeg.indexOf(Buffer.of(0xff, 0xda))
  const file = heifOf({
    brand: 'jpeg',
    type: 'jpeg',
    width: 64,
    height: 32,
    coded: jpeg.subarray(scanAt),
    properties: [isoBox('jpgC', jpeg.subarray(0, scanAt))],
  })
  const { pixel } = await answersFor('tables', file)
  expect([pixel(8, 16), pixel(56, 16)]).toEqual([RED, BLUE])
})

it.skipIf(libav === undefined || FFMPEG === undefined)('a HEIF image in AVC is rendered', async () => {
  const h264 = ['-frames:v', '1', '-c:v', 'libx264', '-pix_fmt', 'yuv420p']
  const mp4 = await makeVideo('mp4', 'color=0xdc1e1e:s=64x32', h264, 1)
  const boxAt = (type: string) => {
    const start = mp4.indexOf(type) - 4
    return mp4.subarray(start, start + mp4.readUInt32BE(start))
  }
  const file = heifOf({
    brand: 'avci',
    type: 'avc1',
    width: 64,
    height: 32,
    coded: boxAt('mdat').subarray(8),
    properties: [boxAt('avcC')],
  })
  const { metadata, pixel } = await answersFor('avc', file)
  expect(JSON.parse(metadata.body.toString())).toMatchObject({ format: 'heic', width: 64, height: 32 })
  expect(pixel(16, 8)).toEqual(RED)
})

it.each([
  ['JPEG 2000', 'j2ki', 'j2k1'],
  ['VVC', 'vvic', 'vvc1'],
  ['JPEG without data', 'jpeg', 'jpeg'],
  ['AVC without parameter sets', 'avci', 'avc1'],
])('a HEIF image in %s is rejected, and is no video', async (_, brand, type) => {
  const file = heifOf({ brand, type, width: 64, height: 32, coded: Buffer.alloc(100, 7) })
  const { metadata } = await answersFor(brand, file)
  expect([metadata.status, metadata.headers['content-type']]).toEqual([400, 'text/plain; charset=utf-8'])
})
