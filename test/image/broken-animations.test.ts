/** Animations with a broken frame: browsers, renditions and scans play the frames before it. */

import { gifFrames } from '@media-proxy/origin/engine/process/formats/gif/gif-frames.ts'
import { pngChunks } from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import { animationTimes } from '@media-proxy/origin/engine/process/image/animation-frames.ts'
import { readInfo } from '@media-proxy/origin/engine/process/image/inspect.ts'
import { decodeScanFrames } from '@media-proxy/origin/engine/process/image/scan-frames.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { seededRandom } from '../seeded-random.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const SIDE = 16
const [FRAMES, BROKEN] = [40, 3]
const SHOWN = 1
const LIMITS = { sourceBytes: 1e8, decodedBytes: 1e9, sidePixels: 16384, frames: 1000 }
const FORMATS = ['gif', 'webp', 'png'] as const

/** Forty frames of dark noise. The second one is green. */
async function moving(format: 'gif' | 'webp'): Promise<Buffer> {
  const random = seededRandom(7)
  const pixels = Buffer.from(
    Array.from({ length: FRAMES * SIDE * SIDE }, (_, at) =>
      Math.floor(at / (SIDE * SIDE)) === SHOWN ? [0, 255, 0] : [64 * random(), 64 * random(), 64 * random()],
    ).flat(),
  )
  const raw = { width: SIDE, height: SIDE * FRAMES, channels: 3, pageHeight: SIDE } as const
  const opened = sharp(pixels, { raw })
  return format === 'gif' ? opened.gif({ dither: 0 }).toBuffer() : opened.webp({ lossless: true }).toBuffer()
}

const CHUNK_HEADER_BYTES = 8
/** The position and duration of a WebP frame, the header of its bitstream, and the size declared there. */
const WEBP_FRAME_BYTES = 16 + 8 + 6

async function broken(format: (typeof FORMATS)[number]): Promise<Buffer> {
  if (format === 'png') {
    const frame = {
      left: 0,
      top: 0,
      width: SIDE,
      height: SIDE,
      delay: [1, 10],
      dispose: 0,
      blend: 0,
    } as const
    const frames = Array.from({ length: FRAMES }, (_, index) => ({
      ...frame,
      colour: index === SHOWN ? ([0, 255, 0, 255] as const) : ([index, 0, 0, 255] as const),
    }))
    const bytes = await animatedPng({ width: SIDE, height: SIDE, loop: 0, frames })
    const data = [...pngChunks(bytes)].filter(({ id }) => id === 'fdAT')[BROKEN - 1]
    if (data !== undefined) bytes.fill(0xff, data.end - data.data.length, data.end - 4)
    return bytes
  }
  const bytes = await moving(format)
  if (format === 'gif') {
    const frame = [...gifFrames(bytes).frames][BROKEN]
    if (frame !== undefined) bytes.fill(0xff, frame.end - 40, frame.end - 1)
    return bytes
  }
  let at = -1
  for (let index = 0; index <= BROKEN; index += 1) at = bytes.indexOf('ANMF', at + 1)
  const end = at + CHUNK_HEADER_BYTES + bytes.readUInt32LE(at + 4)
  bytes.fill(0xa5, at + CHUNK_HEADER_BYTES + WEBP_FRAME_BYTES, end)
  return bytes
}

describe.each(FORMATS)('%s with a broken frame', (format) => {
  let service: Service
  let bytes: Buffer
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    bytes = await broken(format)
    await service.put(`attachments/1/a.${format}`, bytes)
    await service.put('a', bytes, undefined, 'uploads')
  })
  afterAll(() => service.close())

  it.each(['webp', 'gif'])('plays up to that frame in %s', async (written) => {
    for (const more of ['', '&blur=1']) {
      const path = `/attachments/1/a.${format}?width=8&format=${written}&animated=true${more}`
      const { status, body } = await send(service.url, path)
      expect(status).toBe(200)
      const { pages, delay } = await sharp(body).metadata()
      expect([pages, delay?.length]).toEqual([BROKEN, BROKEN])
    }
  })

  it('has frames up to that frame', async () => {
    const { body } = await send(service.url, '/_frames', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: 'a' }),
    })
    expect(JSON.parse(body.toString()).frames).toHaveLength(BROKEN)
  })

  it('is scanned up to that frame', async () => {
    const info = await readInfo(bytes, format)
    if (isFailure(info)) throw new Error(info.detail)
    const times = await animationTimes(bytes, info)
    const seen = await decodeScanFrames(bytes, info, times, { maxFrames: 5, limits: LIMITS })
    expect(seen.some(({ data }) => (data[1] ?? 0) > 200)).toBe(true)
  })
})
