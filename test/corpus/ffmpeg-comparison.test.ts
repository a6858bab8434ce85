/**
 * Compares every video and audio file of the corpus with FFmpeg's own command, which decodes it from start to
 * end.
 */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sniff } from '@media-proxy/origin/media/sniff.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { meanDifference } from '../pixels.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG } from '../videos.ts'
import { CORPUS, corpusFiles, corpusFolders, readCorpus } from './corpus.ts'

const run = promisify(execFile)
const SECRET = 'a-secret-for-tests'

/** The largest mean difference of a frame, out of 255. */
const TOLERANCE = 6
/** FFmpeg shows HDR pale when it is not configured to tone map. */
const HDR_TOLERANCE = 20
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024

const files = corpusFolders()
  .filter((folder) => folder !== 'hostile')
  .flatMap(corpusFiles)
const kinds = new Map(
  await Promise.all(files.map(async (file) => [file, await sniff(readCorpus(file))] as const)),
)
const videos = files.filter((file) => kinds.get(file)?.kind === 'video')
const audioFiles = files.filter((file) => kinds.get(file)?.kind === 'audio')

describe.skipIf(CORPUS === undefined || FFMPEG === undefined)(
  `${videos.length} videos and ${audioFiles.length} audio files (need MEDIA_CORPUS and FFmpeg)`,
  () => {
    let service: Service
    beforeAll(async () => {
      service = await openFilesystemOrigin({
        MEDIA_PROXY_SECRET_KEY: SECRET,
        MEDIA_PROXY_NSFW_ENABLED: 'false',
      })
    })
    afterAll(() => service.close())

    it.each(videos)('have the frames and the duration of FFmpeg: %s', async (file) => {
      await put(file)
      const { times, isHdr } = await frameTimes(file)
      const [middle, last] = [times.length >> 1, times.length - 1]
      const moments = [
        ['', 0],
        [`&time=${Math.ceil((times[middle] ?? 0) * 1000) / 1000}`, middle],
        ['&time=100%25', last],
      ] as const
      for (const [time, index] of moments) {
        const { status, body } = await send(service.url, `/attachments/${file}?format=png${time}`)
        expect(status, service.log.at(-1)?.detail).toBe(200)
        const shown = await sharp(body).removeAlpha().raw().toBuffer({ resolveWithObject: true })
        const wanted = await decodeFrame(file, index, shown.info)
        expect(meanDifference(shown.data, wanted), `frame ${index}`).toBeLessThanOrEqual(
          isHdr ? HDR_TOLERANCE : TOLERANCE,
        )
      }
      await expectDuration(file)
    })

    it.each(audioFiles)('have the duration of FFmpeg: %s', async (file) => {
      await put(file)
      await expectDuration(file)
    })

    async function put(file: string): Promise<void> {
      await service.put(`attachments/${file}`, readCorpus(file))
      await service.put(file, readCorpus(file), undefined, 'uploads')
    }

    async function expectDuration(file: string): Promise<void> {
      const { status, body } = await send(service.url, '/_metadata', {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET },
        body: JSON.stringify({ type: 'upload', upload_filename: file }),
      })
      expect(status, service.log.at(-1)?.detail).toBe(200)
      const reported = JSON.parse(body.toString()).duration
      // The duration is reported in whole seconds, rounded up.
      expect(Math.abs(reported - Math.ceil(await playedSeconds(file)))).toBeLessThanOrEqual(1)
    }
  },
)

const pathOf = (file: string) => join(CORPUS ?? '', file)

/** Returns the timestamps of the frames of the first video, and whether it is HDR. */
async function frameTimes(file: string) {
  const { stderr } = await ffmpeg(file, [
    '-map',
    '0:v:0',
    '-vf',
    'showinfo',
    ...EVERY_FRAME,
    '-f',
    'null',
    '-',
  ])
  const text = stderr.toString()
  const times = [...text.matchAll(/ pts_time:(-?[\d.]+)/g)].map(([, time]) => Number(time))
  return { times, isHdr: /arib-std-b67|smpte2084/.test(text) }
}

/** Returns one frame of the first video in RGB, in the requested size. */
async function decodeFrame(
  file: string,
  index: number,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<Buffer> {
  const scaled = `select=eq(n\\,${index}),scale=${width}:${height}:flags=bicubic+full_chroma_int,format=rgb24`
  const raw = ['-f', 'rawvideo', 'pipe:1']
  const { stdout } = await ffmpeg(file, [
    '-map',
    '0:v:0',
    '-vf',
    scaled,
    ...EVERY_FRAME,
    '-frames:v',
    '1',
    ...raw,
  ])
  return stdout
}

const EVERY_FRAME = ['-fps_mode', 'passthrough']

/** Returns how long all of it plays, in seconds. */
async function playedSeconds(file: string): Promise<number> {
  const output = ['-f', 'null', '-progress', 'pipe:1', '-']
  // FFmpeg's command fails on unknown audio codecs. The duration is then that of the video.
  const { stdout } = await ffmpeg(file, output).catch(() => ffmpeg(file, ['-an', ...output]))
  return (
    Math.max(...[...stdout.toString().matchAll(/^out_time_us=(\d+)/gm)].map(([, time]) => Number(time))) / 1e6
  )
}

function ffmpeg(file: string, args: readonly string[]) {
  return run(FFMPEG ?? '', ['-nostdin', '-hide_banner', '-i', pathOf(file), ...args], {
    encoding: 'buffer',
    maxBuffer: MAX_OUTPUT_BYTES,
  })
}
