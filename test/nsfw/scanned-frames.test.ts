/** Tests which frames of animations and videos a scan sees, with a model that measures red. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { iconOf, plainIcon } from '@media-proxy/origin/media/icons.test-data.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CORPUS, readCorpus } from '../corpus/corpus.ts'
import { animatedPng, type PngFrame } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service, type Settings } from '../services.ts'
import { canEncode, FFMPEG, makeVideo } from '../videos.ts'
import { redModel } from './red-model.ts'

const SECRET = 'a-secret-for-tests'
const libav = await loadLibav()
afterAll(() => libav?.pool.close())

let folder = ''
let settings: Settings = {}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'media-proxy-red-'))
  const path = join(folder, 'red.onnx')
  await writeFile(path, redModel())
  settings = {
    MEDIA_PROXY_SECRET_KEY: SECRET,
    MEDIA_PROXY_NSFW_ENABLED: 'true',
    MEDIA_PROXY_NSFW_MODEL_PATH: path,
  }
})
afterAll(() => rm(folder, { recursive: true }))

/** Returns the only entry of an icon, for an icon of several. */
const entryOf = (icon: Buffer, side: number) => ({ width: side, height: side, image: icon.subarray(22) })

async function verdictOn(service: Service, name: string, bytes: Uint8Array) {
  await service.put(name, bytes, undefined, 'uploads')
  const { status, body } = await send(service.url, '/_metadata', {
    method: 'POST',
    headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'upload', upload_filename: name }),
  })
  expect(status, service.log.at(-1)?.detail).toBe(200)
  const { nsfw, nsfw_probability: probability } = JSON.parse(body.toString())
  return { nsfw, probability }
}

/** Returns how many frames the model has seen. */
async function seenFrames(service: Service): Promise<number> {
  const { body } = await send(service.url, '/_metrics', { headers: { 'x-internal-secret': SECRET } })
  return Number(/^media_proxy_nsfw_frames_total(?:\{.*\})? (\d+)/m.exec(body.toString())?.[1] ?? 0)
}

/** Returns a filter for a grey video that is red between two times, in seconds. */
function redAt(from: number, to: number, rate = 5): string {
  return `color=gray:s=64x64:r=${rate},drawbox=c=red:t=fill:enable='between(t,${from},${to - 0.5 / rate})'`
}

type Colour = 'red' | 'grey'
/** Builds an animation of frames of one colour, each shown for this long, in milliseconds. */
function animation(format: 'gif' | 'webp', frames: readonly (readonly [Colour, number])[]): Promise<Buffer> {
  const colours = { red: [255, 0, 0], grey: [128, 128, 128] } as const
  // Makes each frame differ from the previous one.
  const pixels = frames.map(([colour], index) =>
    Buffer.from(
      Array.from({ length: 32 * 32 }, (_, pixel) => (pixel === index ? [0, 0, 0] : colours[colour])).flat(),
    ),
  )
  const raw = { width: 32, height: 32 * frames.length, channels: 3, pageHeight: 32 } as const
  const delay = frames.map(([, milliseconds]) => milliseconds)
  const strip = sharp(Buffer.concat(pixels), { raw })
  return format === 'gif'
    ? strip.gif({ delay }).toBuffer()
    : strip.webp({ delay, lossless: true, minSize: false }).toBuffer()
}

const repeated = (colour: Colour, milliseconds: number, count: number) =>
  Array.from({ length: count }, () => [colour, milliseconds] as const)

describe.each([
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const)('a scan at %s', (_, open) => {
  let service: Service
  beforeAll(async () => {
    service = await open(settings)
  })
  afterAll(() => service.close())

  it.skipIf(CORPUS === undefined)('flags a first frame of red (needs MEDIA_CORPUS)', async () => {
    expect(await verdictOn(service, 'n_first.gif', readCorpus('wild/n_first.gif'))).toMatchObject({
      nsfw: true,
    })
  })

  it.each([
    ['the first of many frames', [['red', 100], ...repeated('grey', 100, 40)], true],
    ['the last of many frames, shown for a fifth', [...repeated('grey', 100, 40), ['red', 1000]], true],
    [
      'the second of three frames, shown for a moment',
      [
        ['grey', 6000],
        ['red', 100],
        ['grey', 4000],
      ],
      true,
    ],
    [
      'a fifth of the frames, in the middle',
      [...repeated('grey', 100, 20), ...repeated('red', 100, 10), ...repeated('grey', 100, 20)],
      true,
    ],
    ['the last frame alone, where it stays', [...repeated('grey', 1000, 40), ['red', 20]], true],
    ['no frame', repeated('grey', 100, 40), false],
  ] as const)('flags animations with red frames: red is %s', async (name, frames, nsfw) => {
    for (const format of ['gif', 'webp'] as const)
      expect(
        await verdictOn(service, `${name}.${format}`, await animation(format, frames)),
        format,
      ).toMatchObject({ nsfw })
  })

  it('sees the default image of an animated PNG', async () => {
    for (const frames of [1, 3]) {
      const shown = { left: 0, top: 0, width: 32, height: 32, dispose: 0, blend: 0 } as const
      const frame: PngFrame = { ...shown, colour: [128, 128, 128, 255], delay: [1, 10] }
      const bytes = await animatedPng({
        width: 32,
        height: 32,
        loop: 0,
        defaultColour: [255, 0, 0, 255],
        frames: Array.from({ length: frames }, () => frame),
      })
      expect(await verdictOn(service, `hiding-${frames}.png`, bytes)).toMatchObject({ nsfw: true })
    }
  })

  it('sees an image that is visible only on a dark page', async () => {
    // On white it is too pale to be flagged.
    const pixels = Buffer.alloc(64 * 64 * 4)
    for (let at = 0; at < pixels.length; at += 4) pixels.set([255, 0, 0, 230], at)
    const raw = { width: 64, height: 64, channels: 4 } as const
    const drawn = await sharp(pixels, { raw }).png().toBuffer()
    const paler = await sharp(drawn).flatten({ background: '#ffffff' }).png().toBuffer()
    expect(await verdictOn(service, 'on-white.png', paler)).toMatchObject({ nsfw: false })
    expect(await verdictOn(service, 'on-black.png', drawn)).toMatchObject({ nsfw: true })
  })

  it.each([
    ['tall', 100, 1000],
    ['wide', 1000, 100],
    ['a sliver', 10, 4000],
  ])('sees each part of a long image: %s', async (name, width, height) => {
    const red = await sharp({
      create: {
        width: Math.min(width, 200),
        height: Math.min(height, 500),
        channels: 3,
        background: '#ff0000',
      },
    })
      .png()
      .toBuffer()
    const image = (overlays: readonly Buffer[]) =>
      sharp({ create: { width, height, channels: 3, background: '#808080' } })
        .composite(overlays.map((input) => ({ input, left: 0, top: 0 })))
        .png()
        .toBuffer()
    const service = await openFilesystemOrigin(settings)
    try {
      expect(await verdictOn(service, `${name}.png`, await image([red]))).toMatchObject({ nsfw: true })
      expect(await verdictOn(service, `${name}-grey.png`, await image([]))).toMatchObject({ nsfw: false })
    } finally {
      await service.close()
    }
  })

  it('sees each entry of an icon', async () => {
    const grey = entryOf(plainIcon(64, 64, [128, 128, 128]), 64)
    const red = entryOf(plainIcon(16, 16, [255, 0, 0]), 16)
    const service = await openFilesystemOrigin(settings)
    try {
      expect(await verdictOn(service, 'grey.ico', iconOf([grey, grey]))).toMatchObject({ nsfw: false })
      expect(await verdictOn(service, 'both.ico', iconOf([red, grey]))).toMatchObject({ nsfw: true })
    } finally {
      await service.close()
    }
  })

  it('sees each image of an AVIF with several', async () => {
    // A grey image and a red one. Chromium shows the red one, because it is the first alternative, even
    // though it is also a thumbnail.
    const both = await readFile(join(import.meta.dirname, '../media/alternatives.avif'))
    const without = (...boxes: readonly string[]) => {
      const file = Buffer.from(both)
      for (const box of boxes) file.write('free', file.indexOf(box), 'latin1')
      return file
    }
    const service = await openFilesystemOrigin(settings)
    try {
      expect(await verdictOn(service, 'alternatives.avif', both)).toMatchObject({ nsfw: true })
      expect(await verdictOn(service, 'thumbnail.avif', without('altr'))).toMatchObject({ nsfw: false })
      expect(await verdictOn(service, 'collection.avif', without('altr', 'thmb'))).toMatchObject({
        nsfw: true,
      })
    } finally {
      await service.close()
    }
  })

  it.skipIf(FFMPEG === undefined)('sees the frames of animated PNG and AVIF (needs FFmpeg)', async () => {
    const coders = [
      ['apng', []],
      ['avif', ['-c:v', 'libaom-av1', '-cpu-used', '8', '-usage', 'realtime']],
    ] as const
    for (const [extension, coder] of coders) {
      if (extension === 'avif' && !(await canEncode('libaom-av1'))) continue
      for (const [from, to, nsfw] of [
        [0, 0.5, true],
        [2, 3, true],
        [4, 5, true],
        [9, 10, false],
      ] as const) {
        const bytes = await makeVideo(extension, redAt(from, to), coder, 5)
        expect(await verdictOn(service, `${from}.${extension}`, bytes), `${extension} ${from}`).toMatchObject(
          {
            nsfw,
          },
        )
      }
    }
  })
})

const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast']
const ONE_KEY_FRAME = [...H264, '-g', '9999', '-sc_threshold', '0']

describe.skipIf(FFMPEG === undefined)('a scan of videos (needs FFmpeg)', () => {
  describe.each([
    ['libav', {}],
    ["FFmpeg's binary", { MEDIA_PROXY_ENGINE_LIBAV: 'false' }],
  ] as const)('by %s', (decoder, more) => {
    let service: Service
    beforeAll(async () => {
      // The poster is not entirely red.
      service = await openFilesystemOrigin({ ...settings, MEDIA_PROXY_NSFW_THRESHOLD: '0.5', ...more })
    })
    afterAll(() => service.close())

    it('sees the last frame, which players leave on the screen', async () => {
      const bytes = await makeVideo('mp4', redAt(39.7, 41, 5), H264, 40)
      expect(await verdictOn(service, 'ends.mp4', bytes)).toMatchObject({ nsfw: true })
    })

    it.each([
      ['at its first frame', 0, 0.4, 5],
      ['after frame 600', 26, 30, 30],
      ['at its end', 35, 40, 5],
      ['between its start and its middle', 9, 15, 5],
    ] as const)('sees red %s, with one key frame and with many', async (_name, from, to, rate) => {
      for (const coder of [ONE_KEY_FRAME, [...H264, '-g', String(rate)]]) {
        const bytes = await makeVideo('mp4', redAt(from, to, rate), coder, 40)
        expect(await verdictOn(service, 'film.mp4', bytes)).toMatchObject({ nsfw: true })
      }
    })

    it('sees the poster', async () => {
      // Only the poster is flagged, and none of the evenly spaced frames is the poster.
      const then = "enable='between(t,1.8,1.95)'"
      const video = `color=black:s=64x64:r=20,drawbox=c=red:t=fill:${then},drawgrid=w=64:h=64:t=1:c=black:${then}`
      const bytes = await makeVideo('mp4', video, [...H264, '-crf', '5'], 10)
      expect(await verdictOn(service, 'poster.mp4', bytes)).toMatchObject({ nsfw: true })
    })

    it.each([
      ['mkv', 0],
      ['mkv', 1],
      ['mp4', 0],
      ['mp4', 1],
    ] as const)(
      'sees all tracks from which a player may choose, in %s with track %d as default',
      async (extension, marked) => {
        const orders = [
          ['gray', 'red'],
          ['red', 'gray'],
        ] as const
        for (const [index, [first, second]] of orders.entries())
          for (const [at, coder] of [H264, ['-c:v', 'mpeg4']].entries()) {
            // The binary is started for every frame, so it gets half of the combinations: each three of the
            // four properties in all their combinations.
            if (decoder !== 'libav' && (index + at + marked + Number(extension === 'mkv')) % 2 === 1) continue
            const bytes = await makeVideo(extension, `color=${first}:s=64x64:r=5`, [
              ...['-f', 'lavfi', '-i', `color=${second}:s=96x64:r=5`, '-map', '0', '-map', '1', ...coder],
              ...['-t', '3', `-disposition:v:${marked}`, 'default', `-disposition:v:${1 - marked}`, '0'],
            ])
            expect(await verdictOn(service, `${first}.${extension}`, bytes)).toMatchObject({ nsfw: true })
          }
      },
    )

    it('sees the colours of a transparent video, which some players show', async () => {
      const video = 'color=red:s=64x64:r=5,format=yuva420p,geq=lum=lum(X\\,Y):cb=cb(X\\,Y):cr=cr(X\\,Y):a=0'
      const coder = ['-c:v', 'libvpx-vp9', '-pix_fmt', 'yuva420p', '-cpu-used', '8', '-deadline', 'realtime']
      expect(await verdictOn(service, 'clear.webm', await makeVideo('webm', video, coder, 2))).toMatchObject({
        nsfw: true,
      })
    })

    it('does not flag a video without red', async () => {
      const bytes = await makeVideo('mp4', redAt(50, 60), ONE_KEY_FRAME, 40)
      expect(await verdictOn(service, 'grey.mp4', bytes)).toMatchObject({ nsfw: false })
    })
  })

  it.skipIf(libav === undefined)(
    'sees frames after the duration that a container declares (needs libav)',
    async () => {
      const service = await openFilesystemOrigin(settings)
      try {
        const video = Buffer.from(await makeVideo('mkv', redAt(10, 20), H264, 20))
        const declared = video.indexOf(Buffer.from('448988', 'hex'))
        expect(video.readDoubleBE(declared + 3)).toBe(20_000)
        video.writeDoubleBE(1000, declared + 3)
        expect(await verdictOn(service, 'lies.mkv', video)).toMatchObject({ nsfw: true })
      } finally {
        await service.close()
      }
    },
  )

  it.skipIf(libav === undefined)(
    'sees the frames of a video whose container declares a longer duration (needs libav)',
    async () => {
      const service = await openFilesystemOrigin(settings)
      try {
        const video = Buffer.from(await makeVideo('mkv', redAt(5, 15), H264, 20))
        video.writeDoubleBE(1_000_000, video.indexOf(Buffer.from('448988', 'hex')) + 3)
        expect(await verdictOn(service, 'long.mkv', video)).toMatchObject({ nsfw: true })
      } finally {
        await service.close()
      }
    },
  )

  it('decodes a few frames first, and stops at a flagged one', async () => {
    const service = await openFilesystemOrigin(settings)
    try {
      const seen: number[] = []
      for (const [name, from, to, seconds] of [
        ['first', 0, 1, 60],
        ['middle', 25, 35, 60],
        ['never', 500, 600, 60],
        ['never of three minutes', 500, 600, 180],
      ] as const) {
        const before = await seenFrames(service)
        const bytes = await makeVideo('mp4', redAt(from, to), H264, seconds)
        const { nsfw } = await verdictOn(service, `${name}.mp4`, bytes)
        expect(nsfw).toBe(from < seconds)
        seen.push((await seenFrames(service)) - before)
      }
      // First frame and poster, then the last frame and others, four at a time.
      expect(seen).toEqual([2, 6, 8, 10])
    } finally {
      await service.close()
    }
  })

  it('decodes no more frames than are configured', async () => {
    const service = await openFilesystemOrigin({ ...settings, MEDIA_PROXY_NSFW_FRAMES: '2' })
    try {
      await verdictOn(service, 'a.mp4', await makeVideo('mp4', redAt(500, 600), H264, 200))
      // The two configured frames, the first frame, the poster, and the last frame.
      expect(await seenFrames(service)).toBe(5)
    } finally {
      await service.close()
    }
  })
})
