/** Tests the waveforms of voice messages in all codecs. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExtraName } from '@media-proxy/origin/engine/jobs.ts'
import { readWaveform } from '@media-proxy/origin/engine/process/clip/waveform.ts'
import { examine } from '@media-proxy/origin/engine/process/jobs/examine.ts'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import { predictWaveform } from '@media-proxy/origin/engine/video-cost.ts'
import { mediaKind } from '@media-proxy/origin/media/kinds.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CORPUS } from '../corpus/corpus.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { ANY_COST, libavTools } from '../video-tools.ts'
import { FFMPEG, makeVideo } from '../videos.ts'

const SECRET = 'a-secret-for-tests'
const libav = await loadLibav()
const BYTES = 256
/**
 * The most that a lossy codec changes a peak, of 255. Bare AAC does not declare how much of its last frame is
 * padding, so in a recording of three seconds its later peaks are shifted.
 */
const MAX_DIFFERENCE = { flac: 1, mp3: 7, ogg: 6, aac: 66 } as const
/** One second each of silence, half of the full amplitude, and silence. */
const BURST = "aevalsrc='if(between(t,1,2),0.5*sin(2*PI*400*t),0)':s=48000:d=3"

describe.skipIf(libav === undefined)('waveforms (need libav)', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_NSFW_ENABLED: 'false',
    })
  })
  afterAll(() => service.close())

  async function waveformOf(name: string, bytes: Uint8Array, options: object = { waveform: true }) {
    await service.put(name, bytes, undefined, 'uploads')
    const { status, body } = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: name, ...options }),
    })
    expect(status, service.log.at(-1)?.detail).toBe(200)
    const { waveform } = JSON.parse(body.toString()) as { readonly waveform?: string }
    return waveform === undefined ? undefined : Buffer.from(waveform, 'base64')
  }

  it.skipIf(FFMPEG === undefined).each([
    ['during a pause in the audio', 'mka', ['-af', "aselect='not(between(t,1,2))'", '-c:a', 'pcm_s16le'], 3],
    [
      'during a pause in the audio of a video',
      'mkv',
      ['-af', "aselect='not(between(t,1,2))'", '-c:a', 'flac'],
      3,
    ],
    ['before and after the audio of a video', 'mp4', ['-af', 'atrim=duration=1', '-c:a', 'aac'], 1],
  ])('are silent %s', async (_, extension, output, lastThird) => {
    const audio = 'aevalsrc=0.5*sin(2*PI*400*t):s=48000:d=3'
    const video = [
      '-f',
      'lavfi',
      '-itsoffset',
      lastThird === 1 ? '1' : '0',
      '-i',
      audio,
      '-map',
      '0:v',
      '-map',
      '1:a',
    ]
    const bytes =
      extension === 'mka'
        ? await makeVideo(extension, audio, output)
        : await makeVideo(extension, 'color=s=64x64:d=3', [...video, '-c:v', 'mpeg4', ...output])
    const peaks = [...((await waveformOf(`paused.${extension}`, bytes)) ?? [])]
    const third = BYTES / 3
    const middleOf = (part: number) => Math.max(...peaks.slice((part + 0.15) * third, (part + 0.85) * third))
    const isLoud = [0, 1, 2].map((part) => middleOf(part) > 100)
    expect(isLoud).toEqual(lastThird === 1 ? [false, true, false] : [true, false, true])
  })

  it.skipIf(FFMPEG === undefined)(
    'stay in step with audio of which many short pieces are missing',
    async () => {
      // In the first half 90 ms of each quarter of a second are missing, and the last tenth is loud.
      const audio = "aevalsrc='(0.1+0.7*gte(t,18))*sin(2*PI*400*t)':s=48000:d=20:n=480"
      const bytes = await makeVideo(
        'mka',
        audio,
        ['-af', "aselect='gte(t,10)+lt(mod(t,0.25),0.16)'", '-c:a', 'pcm_s16le'],
        20,
      )
      const peaks = [...((await waveformOf('lossy.mka', bytes)) ?? [])]
      expect(Math.abs(peaks.findIndex((peak) => peak > 100) - 0.9 * BYTES)).toBeLessThan(2)
    },
  )

  it.skipIf(FFMPEG === undefined).each([
    ['wav', []],
    ['flac', []],
    ['mp3', ['-b:a', '192k']],
    ['ogg', ['-c:a', 'libvorbis', '-q:a', '8']],
    ['m4a', ['-c:a', 'aac', '-b:a', '192k']],
    ['webm', ['-c:a', 'libopus', '-b:a', '128k']],
  ])('are loud only where the audio is, in %s', async (extension, output) => {
    const peaks = await waveformOf(`burst.${extension}`, await makeVideo(extension, BURST, output))
    expect(peaks).toHaveLength(BYTES)
    const third = BYTES / 3
    for (const [at, peak] of (peaks ?? []).entries()) {
      const isLoud = at > third + 3 && at < 2 * third - 3
      const isQuiet = at < third - 3 || at > 2 * third + 3
      if (isLoud) expect(Math.abs(peak - 127), `${at}`).toBeLessThan(6)
      if (isQuiet) expect(peak, `${at}`).toBeLessThan(6)
    }
  })

  it.skipIf(FFMPEG === undefined).each(['libvorbis', 'libopus'])(
    'cover all links of a chain, of %s in Ogg',
    async (coder) => {
      const links = [1, 2].map((serial) =>
        makeVideo('ogg', BURST, ['-c:a', coder, '-serial_offset', String(serial)]),
      )
      const peaks = [...((await waveformOf('chained.ogg', Buffer.concat(await Promise.all(links)))) ?? [])]
      const sixth = BYTES / 6
      const middles = [0, 1, 2, 3, 4, 5].map((part) =>
        Math.max(...peaks.slice((part + 0.2) * sixth, (part + 0.8) * sixth)),
      )
      expect(middles.map((peak) => peak > 100)).toEqual([false, true, false, false, true, false])
    },
  )

  it.skipIf(FFMPEG === undefined)(
    'are returned for videos, by either parameter, and only when requested',
    async () => {
      const words = [
        '-f',
        'lavfi',
        '-i',
        BURST,
        '-map',
        '0:v',
        '-map',
        '1:a',
        '-c:v',
        'libx264',
        '-c:a',
        'aac',
      ]
      const video = await makeVideo('mp4', 'color=red:s=64x64:r=10:d=3', words)
      const [one, other] = [
        await waveformOf('a.mp4', video),
        await waveformOf('a.mp4', video, { extras: ['waveform'] }),
      ]
      expect(one).toHaveLength(BYTES)
      expect(other).toEqual(one)
      expect(await waveformOf('a.mp4', video, {})).toBeUndefined()
      const silent = await makeVideo('mp4', 'color=red:s=64x64:r=10:d=1', ['-c:v', 'libx264'], 1)
      expect(await waveformOf('silent.mp4', silent)).toBeUndefined()
      expect(await waveformOf('picture.png', await halvesPng(20, 20))).toBeUndefined()
    },
  )

  it.skipIf(FFMPEG === undefined)(
    'starts with the first sample that is played, after the pre-skip of Opus',
    async () => {
      const fragments = ['-c:a', 'libopus', '-movflags', '+frag_keyframe+empty_moov+default_base_moof']
      const bytes = await makeVideo('mp4', BURST, fragments)
      // The specific box of Opus (dOps): version, channels, and the pre-skip in samples.
      bytes.writeUInt16BE(48_000, bytes.indexOf('dOps') + 6)
      const peaks = [...((await waveformOf('skipped.mp4', bytes)) ?? [])]
      const half = BYTES / 2
      expect(Math.min(...peaks.slice(3, 0.9 * half))).toBeGreaterThan(100)
      expect(Math.max(...peaks.slice(1.1 * half))).toBeLessThan(10)
    },
  )

  it.skipIf(FFMPEG === undefined)('leave out the first frame of bare AAC, which is padding', async () => {
    const beginning = async (format: string, args: readonly string[]) => {
      const peaks = await waveformOf(`burst.${format}`, await makeVideo(format, BURST, args))
      return peaks?.findIndex((peak) => peak > 100)
    }
    const adts = await beginning('aac', ['-c:a', 'aac', '-f', 'adts'])
    expect(adts).toBe(await beginning('wav', []))
  })

  it('take no memory for the sample rate and the pauses that a file declares', () => {
    if (libav === undefined) throw new Error('skipped without libav')
    const before = process.memoryUsage.rss()
    const source = memorySource(pausedMatroska(2_000_000_000, 4_000_000), mediaKind('mka'))
    const peaks = readWaveform(libav, source, 'mka')
    if (peaks === undefined || isFailure(peaks)) throw new Error('no waveform')
    expect([...peaks].map((peak) => peak > 100)).toEqual(
      Array.from({ length: BYTES }, (_, at) => at === 0 || at === BYTES - 1),
    )
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * 2 ** 20)
  })

  it.skipIf(FFMPEG === undefined)('add their predicted cost to the examination', async () => {
    const metadataWith = async (extras: readonly ExtraName[]) => {
      const costs: number[] = []
      const source = memorySource(await makeVideo('wav', BURST, []), mediaKind('wav'))
      await examine(
        source,
        { scan: false, scanFrames: 5, acceptAnyAudio: false, extras, allowance: ANY_COST },
        libavTools,
        (cost) => {
          costs.push(cost.cpuSeconds)
        },
      )
      return costs
    }
    expect(await metadataWith([])).toEqual([])
    expect(await metadataWith(['waveform'])).toEqual([predictWaveform(3).cpuSeconds])
  })

  it.skipIf(CORPUS === undefined)('are nearly the same for one recording in several codecs', async () => {
    const [reference, ...others] = await Promise.all(
      ['wav', ...Object.keys(MAX_DIFFERENCE)].map(async (extension) =>
        waveformOf(`tos.${extension}`, await readFile(join(CORPUS ?? '', `audio/tos.${extension}`))),
      ),
    )
    expect(reference).toHaveLength(BYTES)
    for (const [index, most] of Object.values(MAX_DIFFERENCE).entries()) {
      const differences = [...(reference ?? [])].map((peak, at) =>
        Math.abs(peak - (others[index]?.[at] ?? 999)),
      )
      expect(Math.max(...differences)).toBeLessThanOrEqual(most)
    }
  })
})

/**
 * Builds Matroska (RFC 9559) with PCM: a thousand loud samples at the start, and a thousand at a later
 * second.
 */
function pausedMatroska(hertz: number, secondSecond: number): Buffer {
  const loud = Buffer.alloc(2000, 0x40)
  const cluster = (seconds: number) =>
    element('1f43b675', element('e7', number(seconds)), element('a3', Buffer.from('81000080', 'hex'), loud))
  return Buffer.concat([
    element('1a45dfa3', element('4282', Buffer.from('matroska'))),
    element(
      '18538067',
      // Timestamps are in seconds.
      element('1549a966', element('2ad7b1', number(1_000_000_000)), element('4489', real(secondSecond + 1))),
      element(
        '1654ae6b',
        element(
          'ae',
          ...[element('d7', number(1)), element('83', number(2))],
          element('86', Buffer.from('A_PCM/INT/LIT')),
          element('e1', element('b5', real(hertz)), element('9f', number(1)), element('6264', number(16))),
        ),
      ),
      cluster(0),
      cluster(secondSecond),
    ),
  ])
}

/** Builds an EBML element (RFC 8794) with a length of four bytes. */
function element(id: string, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(0x1000_0000 + body.length)
  return Buffer.concat([Buffer.from(id, 'hex'), length, body])
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function real(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}
