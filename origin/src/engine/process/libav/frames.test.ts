import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, describe, expect, it } from 'vitest'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import { loadLibav } from './load.ts'
import { type LibavFile, openWithLibav } from './open.ts'

const corpus = process.env.MEDIA_CORPUS
const libav = await loadLibav()
afterAll(() => libav?.pool.close())

async function open(name: string, format: 'mp4' | 'webm' | 'mkv' | 'mov') {
  if (libav === undefined) throw new Error('no libraries')
  const bytes = await readFile(join(corpus ?? '', name))
  const read = (start: number, end: number) => bytes.subarray(start, end)
  const file = openWithLibav(libav, { sizeBytes: bytes.length, read }, format)
  if (isFailure(file) || file.info.video === undefined) throw new Error(`${name} is no video`)
  return { file, video: file.info.video }
}

const MAX_PIXELS = 4e7

function readFrame(file: LibavFile, video: VideoInfo, atSeconds: number, size: Size, maxPixels = MAX_PIXELS) {
  const frame = file.readFrame(atSeconds, { video, size, maxPixels })
  if (isFailure(frame)) throw new Error(frame.code)
  const { timestampSeconds, channels, data } = frame
  return { at: Number(timestampSeconds.toFixed(3)), channels, pixels: [...data] }
}

const SIZE = { width: 64, height: 48 }
const POINTS = [
  [8, 8],
  [40, 8],
  [24, 40],
  [60, 44],
] as const
/** Pixels of frames of 64x48, as FFmpeg 5.1 draws them with the same filters. */
const EXPECTED = [
  {
    name: 'video/bbb-480p-moov-first.mp4',
    format: 'mp4',
    timestamps: [0, 2.2, 99],
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
    timestamps: [0, 2.2],
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
    timestamps: [2.2],
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
    timestamps: [0.5, 4],
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
    timestamps: [1],
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
  'frames of videos (needs MEDIA_CORPUS and FFmpeg’s libraries)',
  () => {
    it.each(EXPECTED)('of $name have the same pixels as with FFmpeg’s own command', async (wanted) => {
      const { file, video } = await open(wanted.name, wanted.format)
      using opened = file
      for (const [index, timestamp] of wanted.timestamps.entries()) {
        const frame = readFrame(opened, video, timestamp, SIZE)
        const { at, channels, pixels } = wanted.frames[index] ?? {}
        expect(frame).toMatchObject({ at, channels })
        const drawn = POINTS.map(([x, y]) => pixelAt(frame, x, y))
        expect(drawn).toEqual(pixels)
      }
    })

    it('have the unchanged values of their alpha track', async () => {
      const { file, video } = await open('video/vp8-alpha.webm', 'webm')
      using opened = file
      const frame = readFrame(opened, video, 2.2, video)
      for (const [x, y, alpha] of [
        [20, 400, 59],
        [360, 100, 24],
        [450, 500, 253],
        [700, 560, 26],
      ] as const)
        expect(frame.pixels[(y * video.width + x) * 4 + 3]).toBe(alpha)
    })

    it('are returned in any requested order', async () => {
      const { file, video } = await open('video/bbb-480p-moov-first.mp4', 'mp4')
      using opened = file
      const times = [2.2, 0.5, 2.2, 1].map((timestamp) => readFrame(opened, video, timestamp, SIZE).at)
      expect(times).toEqual([2.167, 0.5, 2.167, 1])
    })

    it('are rejected when they are larger than the limit, whatever the container declares', async () => {
      const { file, video } = await open('video/av1.mp4', 'mp4')
      using opened = file
      const claimed = { ...video, codedWidth: 16, codedHeight: 16 }
      expect(() => readFrame(opened, claimed, 0, SIZE, 1280 * 720 - 1)).toThrow('undecodable')
      expect(readFrame(opened, claimed, 0, SIZE, 1280 * 720).at).toBe(0)
    })

    it('are rotated clockwise and then mirrored', async () => {
      const { file, video } = await open('video/bbb-480p-moov-first.mp4', 'mp4')
      using opened = file
      const upright = readFrame(opened, video, 2.2, { width: 3, height: 2 })
      const turned = readFrame(opened, { ...video, rotation: 90, mirrored: true }, 2.2, {
        width: 2,
        height: 3,
      })
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
