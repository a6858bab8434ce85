import { decodeHeic } from '@media-proxy/origin/engine/process/image/heic.ts'
import { decodeHeifStill } from '@media-proxy/origin/engine/process/libav/heic.ts'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { isoBox } from '@media-proxy/origin/media/iso-boxes.test-data.ts'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { turnedHeic } from '../fixtures.ts'
import { inspectImage } from './inspect-image.ts'

const limits = { sourceBytes: 1e6, decodedBytes: 1e8, sidePixels: 16384, frames: 100 }
const info = { width: 48, height: 64, hasAlpha: true }

const libav = await loadLibav()

const failureOf = (result: unknown) => (isFailure(result) ? result.code : 'decoded')

/** Returns the file with another size in every property that declares one. */
async function declaring(width: number, height: number): Promise<Buffer> {
  const bytes = await turnedHeic()
  for (let at = bytes.indexOf('ispe'); at >= 0; at = bytes.indexOf('ispe', at + 1)) {
    bytes.writeUInt32BE(width, at + 8)
    bytes.writeUInt32BE(height, at + 12)
  }
  return bytes
}

/** Returns the file with more items, which are not images. */
async function withItems(count: number): Promise<Buffer> {
  const bytes = await turnedHeic()
  const list = bytes.indexOf('iinf') - 4
  const end = list + bytes.readUInt32BE(list)
  const items = Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      isoBox(
        'infe',
        Buffer.of(2, 0, 0, 0, (1000 + index) >> 8, (1000 + index) & 255, 0, 0),
        Buffer.from('Exif'),
      ),
    ),
  )
  const grow = (at: number) => bytes.writeUInt32BE(bytes.readUInt32BE(at) + items.length, at)
  grow(list)
  grow(bytes.indexOf('meta') - 4)
  bytes.writeUInt16BE(bytes.readUInt16BE(list + 12) + count, list + 12)
  const locations = bytes.indexOf('iloc') + 8
  for (let item = 0; item < bytes.readUInt16BE(locations + 2); item += 1) {
    const at = locations + 4 + item * LOCATION_BYTES
    // The others lie in `idat`.
    if (bytes.readUInt16BE(at + 2) === 0) grow(at + EXTENT_AT)
  }
  return Buffer.concat([bytes.subarray(0, end), items, bytes.subarray(end)])
}

/** The bytes of an item of `iloc`, and where its offset starts: after ids, method, base and count. */
const [LOCATION_BYTES, EXTENT_AT] = [20, 12]

describe('a HEIC image', () => {
  it('has its upright dimensions without being decoded', async () => {
    const found = await inspectImage(await turnedHeic(), 'heic', { limits, animated: false })
    expect(found).toMatchObject({ width: 48, height: 64, frames: 1, orientation: 1, hasAlpha: true })
  })

  it.skipIf(libav === undefined)(
    'with more items than libheif reads is measured and decoded all the same',
    async () => {
      const bytes = await withItems(300)
      const found = await inspectImage(bytes, 'heic', { limits, animated: false })
      expect(found).toMatchObject({ width: 48, height: 64, bands: 4, bytesPerSample: 1, hasAlpha: true })
      const image = libav === undefined ? fail('not-ready') : decodeHeifStill(libav, bytes, 1e6)
      if (isFailure(image)) throw new Error(image.detail)
      expect([image.width, image.height, image.channels]).toEqual([48, 64, 4])
    },
  )

  it('is decoded upright, in sRGB, with its alpha', async () => {
    const image = await decodeHeic(await turnedHeic(), info)
    if (isFailure(image)) throw new Error(image.detail)
    expect([image.width, image.height, image.channels]).toEqual([48, 64, 4])
    const top = image.data.subarray(0, 4)
    const bottom = image.data.subarray(-4)
    for (const [found, wanted] of [
      [top, [60, 60, 200, 255]],
      [bottom, [200, 60, 60, 255]],
    ] as const)
      expect(Math.max(...wanted.map((value, at) => Math.abs(value - (found[at] ?? 0))))).toBeLessThan(8)
  })

  it('has no alpha when its header declares none', async () => {
    const image = await decodeHeic(await turnedHeic(), { ...info, hasAlpha: false })
    if (isFailure(image)) throw new Error(image.detail)
    expect([image.channels, image.data.length]).toEqual([3, 48 * 64 * 3])
  })

  it('is rejected by its header when its size costs too much', async () => {
    const bytes = await declaring(15_000, 15_000)
    expect(failureOf(await inspectImage(bytes, 'heic', { limits, animated: false }))).toBe(
      'too-large-dimensions',
    )
  })

  it('is rejected when its stream has another size than its header', async () => {
    const bytes = await declaring(200, 100)
    expect(failureOf(await decodeHeic(bytes, { ...info, width: 100, height: 200 }))).toBe('undecodable')
  })

  it('is rejected as undecodable wherever it is cut', async () => {
    const bytes = await turnedHeic()
    for (let tenth = 1; tenth < 10; tenth += 1) {
      const cut = bytes.subarray(0, Math.floor((bytes.length * tenth) / 10))
      expect(failureOf(await decodeHeic(cut, info)), `${tenth} tenths`).toBe('undecodable')
    }
  })

  it('is not passed to the decoder when it has too many bytes for its pixels', async () => {
    const bytes = Buffer.concat([await turnedHeic(), Buffer.alloc(33 * 1024 * 1024)])
    const rejected = await decodeHeic(bytes, info)
    expect(isFailure(rejected) && rejected.detail).toContain('bytes for 48x64')
  })
})
