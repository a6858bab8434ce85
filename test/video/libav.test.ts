/**
 * Tests videos through the service on a system without FFmpeg's binary: made here by libav, and those of the
 * corpus.
 */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { mediaKindOfName } from '@media-proxy/origin/media/kinds.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CORPUS, corpusFiles, readCorpus } from '../corpus/corpus.ts'
import { send } from '../http.ts'
import { SECOND_COLOURS, secondsMp4, transparentWebm, VIDEO_HEIGHT, VIDEO_WIDTH } from '../sample-videos.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'a-secret-for-tests'
const [RED, LIME, BLUE] = SECOND_COLOURS
/** The maximum by which colour conversion, chroma subsampling and coding may be off together, out of 255. */
const TOLERANCE = 12

/** The id of Matroska's track list, found at its last occurrence. The length of the list follows it. */
const TRACKS_ID = Buffer.from('1654ae6b', 'hex')

const libav = await loadLibav()

describe.skipIf(libav === undefined)('videos without FFmpeg (needs libav: node-av has no build here)', () => {
  let service: Service

  beforeAll(async () => {
    if (libav === undefined) throw new Error('no libav')
    service = await openFilesystemOrigin({
      FFMPEG_PATH: '/no/such/ffmpeg',
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_NSFW_ENABLED: 'false',
    })
    await put('seconds.mp4', await secondsMp4(libav))
    await put('transparent.webm', await transparentWebm(libav))
    for (const name of corpusFiles('video')) await put(fileName(name), readCorpus(name))
  })
  afterAll(async () => {
    await service.close()
    libav?.pool.close()
  })

  async function put(name: string, bytes: Uint8Array): Promise<void> {
    await service.put(`attachments/1/${name}`, bytes)
    await service.put(name, bytes, undefined, 'uploads')
  }

  async function still(name: string, query: string) {
    const response = await send(service.url, `/attachments/1/${name}?${query}`)
    expect(response.status, service.log.at(-1)?.detail).toBe(200)
    return response
  }

  async function ask(path: string, name: string) {
    const response = await send(service.url, path, {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: name }),
    })
    expect(response.status, service.log.at(-1)?.detail).toBe(200)
    return response
  }

  it('are decoded by libav, and the origin is ready', async () => {
    expect((await send(service.url, '/_ready')).body.toString()).toBe('OK')
    expect(service.log.map(({ msg }) => msg)).toContain('libav decodes videos')
  })

  describe.each(['seconds.mp4', 'transparent.webm'])('%s', (name) => {
    it.each([
      ['without a moment', '', RED],
      ['at the start', '&time=0', RED],
      ['before a cut', '&time=0.99', RED],
      ['at a cut', '&time=1', LIME],
      ['at a percentage', '&time=50%', LIME],
      ['at the last frame', '&time=2.96', BLUE],
      ['beyond the end', '&time=60', BLUE],
    ])('shows the right frame %s', async (_, time, colour) => {
      const { body } = await still(name, `format=png${time}`)
      const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
      expect([info.width, info.height]).toEqual([VIDEO_WIDTH, VIDEO_HEIGHT])
      const at = (x: number, y: number) => [
        ...data.subarray((y * info.width + x) * info.channels).subarray(0, info.channels),
      ]
      const isTransparent = name === 'transparent.webm'
      expectColour(at(120, 70), isTransparent ? [...colour, 255] : colour)
      if (isTransparent) expect(at(40, 24)[3]).toBeLessThan(TOLERANCE)
      else expectColour(at(40, 24), [255, 255, 255])
    })

    it('has its metadata', async () => {
      const info = JSON.parse((await ask('/_metadata', name)).body.toString())
      const format = name.endsWith('.mp4') ? 'mp4' : 'webm'
      expect(info).toMatchObject({ format, width: VIDEO_WIDTH, height: VIDEO_HEIGHT, duration: 3 })
      expect(info.placeholder).toBeTypeOf('string')
    })

    it('has three frames and a thumbnail', async () => {
      const { frames } = JSON.parse((await ask('/_frames', name)).body.toString())
      expect(frames.map(({ timestamp }: { timestamp: number }) => timestamp)).toEqual([1, 1.48, 2])
      for (const [index, colour] of [LIME, LIME, BLUE].entries())
        expectColour(await lastPixel(Buffer.from(frames[index].base64, 'base64')), colour)
      const thumbnail = await ask('/_thumbnail', name)
      expect(thumbnail.headers['content-type']).toBe('image/jpeg')
      expectColour(await lastPixel(thumbnail.body), RED)
    })
  })

  it('get a response and crash no process when they are broken WebM', async () => {
    if (libav === undefined) throw new Error('no libav')
    const video = await transparentWebm(libav)
    const headAlone = Buffer.concat([video.subarray(0, 300), Buffer.alloc(100_000)])
    const half = Buffer.concat([video.subarray(0, video.length >> 1), Buffer.alloc(100_000)])
    const withoutSize = Buffer.from(video)
    withoutSize[video.lastIndexOf(TRACKS_ID) + TRACKS_ID.length] = 0
    for (const [index, bytes] of [headAlone, half, withoutSize].entries()) {
      await put(`broken-${index}.webm`, bytes)
      const { status } = await send(service.url, `/attachments/1/broken-${index}.webm?format=webp`)
      expect([200, 400]).toContain(status)
    }
    expect(service.log.map(({ msg }) => msg)).not.toContain('a job ended its process')
  })

  describe.skipIf(CORPUS === undefined)('of the corpus (skipped without MEDIA_CORPUS)', () => {
    it.each(corpusFiles('video').map(fileName))('are decoded: %s', async (name) => {
      const info = JSON.parse((await ask('/_metadata', name)).body.toString())
      expect(info).toMatchObject({ format: mediaKindOfName(name)?.format, placeholder: expect.any(String) })
      for (const time of ['', '&time=0', '&time=50%', '&time=600']) {
        const { width, height } = await sharp(
          (await still(name, `format=webp&width=64${time}`)).body,
        ).metadata()
        expect([width, height]).toEqual([64, Math.round((64 * info.height) / info.width)])
      }
      const { frames } = JSON.parse((await ask('/_frames', name)).body.toString())
      expect(frames).toHaveLength(name.includes('one-frame') ? 1 : 3)
      for (const { base64 } of frames) {
        const { width, height } = await sharp(Buffer.from(base64, 'base64')).metadata()
        expect([width, height]).toEqual([info.width, info.height])
      }
      expect((await ask('/_thumbnail', name)).headers['content-type']).toBe('image/jpeg')
    })
  })
})

function fileName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

async function lastPixel(file: Buffer): Promise<readonly number[]> {
  const pixels = await sharp(file).removeAlpha().raw().toBuffer()
  return [...pixels.subarray(pixels.length - 3)]
}

function expectColour(found: readonly number[], wanted: readonly number[]): void {
  const worst = Math.max(...wanted.map((value, channel) => Math.abs(value - (found[channel] ?? Number.NaN))))
  expect(worst, `${found} instead of ${wanted}`).toBeLessThanOrEqual(TOLERANCE)
}
