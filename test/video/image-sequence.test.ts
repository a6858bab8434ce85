import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSequence } from '@media-proxy/origin/engine/process/formats/heif/sequence.ts'
import { countApngFrames } from '@media-proxy/origin/engine/process/formats/png/apng.ts'
import { examine } from '@media-proxy/origin/engine/process/jobs/examine.ts'
import { memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import { mediaKind } from '@media-proxy/origin/media/kinds.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { seededRandom } from '../seeded-random.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { ANY_COST, ignoreReport, videoTools } from '../video-tools.ts'
import { canEncode, FFMPEG, makeVideo } from '../videos.ts'

const tools = videoTools
const AV1 = (await Promise.all(['libaom-av1', 'libsvtav1'].map(canEncode))).indexOf(true)
const ENCODER = ['libaom-av1', 'libsvtav1'][AV1] ?? ''
const corpus = process.env.MEDIA_CORPUS
/** Red, from 1.2 s lime, from 1.8 s blue, up to 3 s. */
const COLOURS =
  'color=red:s=320x192:r=5:d=1.2[a];color=lime:s=320x192:r=5:d=0.6[b];color=blue:s=320x192:r=5:d=1.2[c];[a][b][c]concat=n=3'

const made =
  ENCODER === ''
    ? Promise.resolve(Buffer.alloc(0))
    : makeVideo('avif', COLOURS, ['-pix_fmt', 'yuv420p', '-c:v', ENCODER])

function look(bytes: Uint8Array, scan = true, allowance = ANY_COST) {
  const source = memorySource(bytes, mediaKind('avif'))
  return examine(
    source,
    { scan, scanFrames: 5, acceptAnyAudio: false, extras: [], allowance },
    tools,
    ignoreReport,
  )
}

describe.skipIf(FFMPEG === undefined || ENCODER === '')(
  'an animated AVIF (needs FFmpeg and an AV1 encoder)',
  () => {
    it('is scanned evenly from its first frame on, and its still too', async () => {
      const examined = await look(await made)
      expect(examined).toMatchObject({
        size: { width: 320, height: 192 },
        animated: true,
        durationSeconds: expect.closeTo(3, 1),
      })
      const colours = 'frames' in examined ? examined.frames.map(colourOf) : []
      // The still, the first and the last frame, and the frames shown after 1.5, 0.9, 2.7, 0.3 and 2.1
      // seconds.
      expect(colours).toEqual(['red', 'red', 'blue', 'lime', 'red', 'blue', 'red', 'blue'])
    })

    it('returns no frames when it is not scanned', async () => {
      expect(await look(await made, false)).toMatchObject({ animated: true, frames: [] })
    })

    it('needs admission when its animation is scanned, and none for its still alone', async () => {
      const quick = { ...ANY_COST, cpuSeconds: 2 }
      expect(await look(await made, false, quick)).toMatchObject({ animated: true })
      expect(await look(await made, true, quick)).toMatchObject({ kind: 'deferred' })
    })

    it('is rejected when its track does not decode', async () => {
      const broken = Buffer.from(await made)
      const offsets = broken.indexOf('stco', 0, 'latin1')
      broken.writeUInt32BE(0xffff_fff0, offsets + 12)
      expect(isFailure(await look(broken))).toBe(true)
    })

    it.each([10, 30, 50, 70, 90])(
      'is rejected, or scanned up to its end, when it is cut at %i percent',
      async (share) => {
        const file = await made
        const cut = file.subarray(0, Math.floor((file.length * share) / 100))
        const examined = await look(cut)
        expect(isFailure(examined) || ('frames' in examined && examined.frames.length > 0)).toBe(true)
      },
    )
  },
)

/** Returns which of the three colours a uniform image has. */
function colourOf({ data }: { readonly data: Uint8Array }): string {
  const [red = 0, green = 0, blue = 0] = data
  return red > 128 ? 'red' : green > 128 ? 'lime' : blue > 128 ? 'blue' : 'none'
}

describe.skipIf(FFMPEG === undefined || ENCODER === '')(
  'a rendition of an animated AVIF (needs FFmpeg and an AV1 encoder)',
  () => {
    let service: Service
    beforeAll(async () => {
      service = await openFilesystemOrigin()
      await service.put('attachments/1/a.avif', await made)
      const broken = Buffer.from(await made)
      broken.writeUInt32BE(0xffff_fff0, broken.indexOf('stco', 0, 'latin1') + 12)
      await service.put('attachments/1/broken.avif', broken)
    })
    afterAll(() => service.close())

    it.each(['webp', 'gif', 'avif', 'png'])('plays in %s when animated=true asks for it', async (format) => {
      const { status, headers, body } = await send(
        service.url,
        `/attachments/1/a.avif?width=80&animated=true&format=${format}`,
      )
      expect([status, headers['content-type']]).toEqual([200, `image/${format}`])
      if (format === 'avif') {
        const sequence = readSequence(body)
        expect(sequence?.size).toEqual({ width: 80, height: 48 })
        return expect(sequence?.timing(99).delay).toEqual(Array.from({ length: 15 }, () => 200))
      }
      if (format === 'png') return expect(countApngFrames(body)).toBe(15)
      const { pages, pageHeight, width, delay, loop } = await sharp(body, { pages: -1 }).metadata()
      expect([width, pageHeight, loop]).toEqual([80, 48, 0])
      expect(pages).toBe(delay?.length)
      expect(delay?.reduce((sum, one) => sum + one, 0)).toBe(3000)
      const colours = await Promise.all(
        [0, (pages ?? 1) - 1].map(async (page) =>
          colourOf({ data: await sharp(body, { page }).raw().toBuffer() }),
        ),
      )
      expect(colours).toEqual(['red', 'blue'])
    })

    it('plays when its track is declared as a video track', async () => {
      const video = Buffer.from(await made)
      video.write('vide', video.indexOf('pict', video.indexOf('moov', 0, 'latin1'), 'latin1'), 'latin1')
      await service.put('attachments/1/video.avif', video)
      const { body } = await send(service.url, '/attachments/1/video.avif?width=40&animated=true&format=webp')
      expect((await sharp(body, { pages: -1 }).metadata()).pages).toBe(3)
    })

    it('is an image or an error when the file is damaged', async () => {
      const random = seededRandom(5)
      const file = await made
      const moov = file.indexOf('moov', 0, 'latin1')
      for (let round = 0; round < 30; round += 1) {
        const damaged = Buffer.from(file)
        for (let flip = 0; flip < 3; flip += 1)
          damaged[moov + Math.floor(random() * 800)] = Math.floor(random() * 256)
        await service.put(`attachments/1/damaged-${round}.avif`, damaged)
        const path = `/attachments/1/damaged-${round}.avif?animated=true&width=40&format=webp`
        expect([200, 400]).toContain((await send(service.url, path)).status)
      }
    })

    it('is a still when no animation is requested, or when the track does not decode', async () => {
      for (const path of ['a.avif?width=80&format=webp', 'broken.avif?width=80&format=webp&animated=true']) {
        const { status, body } = await send(service.url, `/attachments/1/${path}`)
        expect(status).toBe(200)
        expect((await sharp(body).metadata()).pages).toBeUndefined()
        expect(colourOf({ data: await sharp(body).raw().toBuffer() })).toBe('red')
      }
    })
  },
)

describe('an image sequence', () => {
  it('is not found without its track', () => {
    expect(readSequence(Buffer.from('no boxes at all'))).toBeUndefined()
    expect(readSequence(new Uint8Array(0))).toBeUndefined()
    expect(readSequence(Buffer.alloc(64))).toBeUndefined()
  })

  it.skipIf(corpus === undefined || FFMPEG === undefined)(
    'of the corpus plays with its alpha (needs MEDIA_CORPUS and FFmpeg)',
    async () => {
      const file = await readFile(join(corpus ?? '', 'animated/animated.avif'))
      const examined = await look(file)
      expect('frames' in examined && examined.frames.length).toBeGreaterThan(1)
      const service = await openFilesystemOrigin()
      try {
        await service.put('attachments/1/a.avif', file)
        const moving = (
          await send(service.url, '/attachments/1/a.avif?animated=true&format=webp&quality=lossless')
        ).body
        const still = (await send(service.url, '/attachments/1/a.avif?format=png')).body
        const { pages, delay } = await sharp(moving).metadata()
        expect([pages, delay]).toEqual([5, [167, 166, 167, 167, 166]])
        const [first, only] = await Promise.all(
          [moving, still].map((bytes) => sharp(bytes).ensureAlpha().raw().toBuffer()),
        )
        const differences = first?.map((value, at) => Math.abs(value - (only?.[at] ?? 0))) ?? [255]
        expect(Math.max(...differences)).toBeLessThan(4)
      } finally {
        await service.close()
      }
    },
  )
})
