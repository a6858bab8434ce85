import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, describe, expect, it } from 'vitest'
import type { PacketRun, VideoInfo } from '../container/container.ts'
import { demux } from '../container/demuxer.ts'
import { loadLibav } from './load.ts'
import { decodeRuns } from './runs.ts'

const corpus = process.env.MEDIA_CORPUS
const libav = await loadLibav()
afterAll(() => libav?.pool.close())

async function runsOf(name: string, format: 'mp4' | 'webm' | 'mkv' | 'mov', moments: readonly number[]) {
  const bytes = await readFile(join(corpus ?? '', name))
  const file = await demux(
    { sizeBytes: bytes.length, read: (start, end) => bytes.subarray(start, end) },
    format,
  )
  if (isFailure(file) || file.info.video === undefined) throw new Error(`${name} is no video`)
  const runs: PacketRun[] = []
  for (const moment of moments) {
    const run = await file.readRun(moment)
    if (isFailure(run)) throw new Error(run.detail)
    runs.push(run)
  }
  file.close()
  return { runs, video: file.info.video }
}

function decode(
  runs: readonly PacketRun[],
  video: VideoInfo,
  size = { width: 2, height: 2 },
  maxPixels = 4e7,
) {
  if (libav === undefined) throw new Error('no libraries')
  return decodeRuns(libav, runs, { video, size, maxPixels }).map((frame) =>
    isFailure(frame)
      ? frame.code
      : { at: Number(frame.timestampSeconds.toFixed(3)), channels: frame.channels, pixels: [...frame.data] },
  )
}

const SIZE = { width: 64, height: 48 }
const POINTS = [
  [8, 8],
  [40, 8],
  [24, 40],
  [60, 44],
] as const
/** Pixels of frames of 64x48, as FFmpeg 5.1 draws them by the same filters. */
const EXPECTED = [
  {
    name: 'video/bbb-480p-moov-first.mp4',
    format: 'mp4',
    moments: [0, 2.2, 99],
    frames: [
      {
        at: 0,
        channels: 3,
        pixels: [
          [0, 0, 0],
          [0, 0, 0],
          [0, 0, 0],
          [0, 0, 0],
        ],
      },
      {
        at: 2.167,
        channels: 3,
        pixels: [
          [204, 210, 229],
          [243, 229, 233],
          [255, 215, 211],
          [92, 108, 85],
        ],
      },
      {
        at: 9.958,
        channels: 3,
        pixels: [
          [254, 220, 215],
          [175, 163, 164],
          [186, 187, 47],
          [167, 167, 53],
        ],
      },
    ],
  },
  {
    name: 'video/av1.mp4',
    format: 'mp4',
    moments: [0, 2.2],
    frames: [
      {
        at: 0,
        channels: 3,
        pixels: [
          [255, 17, 0],
          [3, 218, 0],
          [255, 220, 0],
          [255, 255, 255],
        ],
      },
      {
        at: 2.191,
        channels: 3,
        pixels: [
          [255, 17, 0],
          [3, 218, 0],
          [0, 219, 255],
          [255, 255, 255],
        ],
      },
    ],
  },
  {
    name: 'video/vp9.mkv',
    format: 'mkv',
    moments: [2.2],
    frames: [
      {
        at: 2.169,
        channels: 3,
        pixels: [
          [65, 19, 22],
          [92, 87, 99],
          [105, 124, 165],
          [0, 0, 0],
        ],
      },
    ],
  },
  {
    name: 'wild/iphone_apac.mov',
    format: 'mov',
    moments: [0.5, 4],
    frames: [
      {
        at: 0.5,
        channels: 3,
        pixels: [
          [68, 0, 9],
          [0, 0, 254],
          [252, 171, 0],
          [0, 215, 251],
        ],
      },
      {
        at: 3.967,
        channels: 3,
        pixels: [
          [79, 0, 0],
          [0, 0, 252],
          [252, 170, 0],
          [0, 215, 251],
        ],
      },
    ],
  },
  {
    name: 'wild/two-seconds.mp4',
    format: 'mp4',
    moments: [1],
    frames: [
      {
        at: 1,
        channels: 3,
        pixels: [
          [64, 0, 0],
          [0, 0, 103],
          [255, 255, 0],
          [252, 38, 0],
        ],
      },
    ],
  },
] as const

function pixelAt(
  { pixels, channels }: { readonly pixels: readonly number[]; readonly channels: number },
  x: number,
  y: number,
) {
  const start = (y * SIZE.width + x) * channels
  return pixels.slice(start, start + channels)
}

describe.skipIf(corpus === undefined || libav === undefined)(
  'runs of coded frames (needs MEDIA_CORPUS and FFmpeg’s libraries)',
  () => {
    it.each(EXPECTED)('decodes $name to the pixels of FFmpeg’s own command', async (wanted) => {
      const { runs, video } = await runsOf(wanted.name, wanted.format, wanted.moments)
      for (const [index, frame] of decode(runs, video, SIZE).entries()) {
        if (typeof frame !== 'object') throw new Error(frame)
        const { at, channels, pixels } = wanted.frames[index] ?? {}
        expect(frame).toMatchObject({ at, channels })
        const drawn = POINTS.map(([x, y]) => pixelAt(frame, x, y))
        expect(drawn).toEqual(pixels)
      }
    })

    it('takes the alpha beside a frame as it stands', async () => {
      const { runs, video } = await runsOf('video/vp8-alpha.webm', 'webm', [2.2])
      const [frame] = decode(runs, video, video)
      if (typeof frame !== 'object') throw new Error(frame)
      for (const [x, y, pixel] of [
        [20, 400, [110, 204, 2, 59]],
        [360, 100, [194, 227, 20, 24]],
        [450, 500, [181, 214, 68, 253]],
        [700, 560, [111, 219, 7, 26]],
      ] as const) {
        const start = (y * video.width + x) * 4
        expect(frame.pixels.slice(start, start + 4)).toEqual(pixel)
      }
    })

    it('gives each run its own frame, in whatever order they come', async () => {
      const { runs, video } = await runsOf('video/bbb-480p-moov-first.mp4', 'mp4', [2.2, 0.5, 2.2, 1])
      const times = decode(runs, video).map((frame) => typeof frame === 'object' && frame.at)
      expect(times).toEqual([2.167, 0.5, 2.167, 1])
    })

    it('refuses a bitstream that is larger than its limit, whatever the container says', async () => {
      const { runs, video } = await runsOf('video/av1.mp4', 'mp4', [0])
      const claimed = { ...video, codedWidth: 16, codedHeight: 16 }
      expect(decode(runs, claimed, { width: 2, height: 2 }, 1280 * 720 - 1)).toEqual(['undecodable'])
      expect(decode(runs, claimed, { width: 2, height: 2 }, 1280 * 720)).toHaveLength(1)
    })

    it('leaves codecs to their container that need it', async () => {
      const { runs, video } = await runsOf('video/bbb-480p-moov-first.mp4', 'mp4', [0])
      expect(decode(runs, { ...video, codec: 'mpeg4' })).toEqual(['undecodable'])
    })

    it('turns a frame clockwise and then mirrors it', async () => {
      const { runs, video } = await runsOf('video/bbb-480p-moov-first.mp4', 'mp4', [2.2])
      const [upright] = decode(runs, video, { width: 3, height: 2 })
      const [turned] = decode(runs, { ...video, rotation: 90, mirrored: true }, { width: 2, height: 3 })
      if (typeof upright !== 'object' || typeof turned !== 'object') throw new Error('no frame')
      const at = (pixels: readonly number[], width: number, x: number, y: number) =>
        pixels.slice((y * width + x) * 3, (y * width + x) * 3 + 3)
      for (const [x, y] of [
        [0, 0],
        [2, 0],
        [1, 1],
        [2, 1],
      ] as const)
        expect(at(turned.pixels, 2, y, x)).toEqual(at(upright.pixels, 3, x, y))
    })
  },
)
