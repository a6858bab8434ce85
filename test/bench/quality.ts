/**
 * `pnpm bench quality`: measures the cost and the quality of encoder settings, on photographs that are scaled
 * already.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import type { BenchRow } from './measure.ts'
import { reduce, scoreOf } from './score.ts'
import { largePhotograph } from './sources.ts'

const PHOTOGRAPHS = ['barge-2725x2225.jpg', 'clic-097c.png', 'clic-100f.png', 'kodak-12.png']
/** The fastest round counts, because other load can only add time. */
const ROUNDS = 4

type Encode = (pipeline: Sharp) => Sharp

interface Setting {
  readonly name: string
  readonly encode: Encode
}

const WEBP: readonly Setting[] = [0, 1, 2, 3, 4].flatMap((effort) =>
  [77, 80, 83].map((quality) => ({
    name: `WebP effort ${effort}, quality ${quality}`,
    encode: (pipeline: Sharp) => pipeline.webp({ effort, quality }),
  })),
)

const AVIF: readonly Setting[] = (['4:4:4', '4:2:0'] as const).flatMap((chromaSubsampling) =>
  [0, 1].flatMap((effort) =>
    [50, 54, 58].map((quality) => ({
      name: `AVIF ${chromaSubsampling}, effort ${effort}, quality ${quality}`,
      encode: (pipeline: Sharp) => pipeline.avif({ effort, quality, chromaSubsampling }),
    })),
  ),
)

const JPEG: readonly Setting[] = [
  {
    name: 'JPEG baseline',
    encode: (pipeline) => pipeline.jpeg({ quality: 80, progressive: false, optimiseCoding: true }),
  },
  { name: 'JPEG progressive', encode: (pipeline) => pipeline.jpeg({ quality: 80, progressive: true }) },
  { name: 'JPEG by mozjpeg', encode: (pipeline) => pipeline.jpeg({ quality: 80, mozjpeg: true }) },
]

const PNG: readonly Setting[] = [5, 6, 8, 9].flatMap((compressionLevel) =>
  [false, true].map((adaptiveFiltering) => ({
    name: `PNG level ${compressionLevel}, ${adaptiveFiltering ? 'filters' : 'no filters'}`,
    encode: (pipeline: Sharp) => pipeline.png({ compressionLevel, adaptiveFiltering }),
  })),
)

/**
 * Ways to decode a JPEG before it is encoded as WebP. The
 * score is computed against the downscaled complete image.
 */
const READINGS: readonly (Setting & { readonly read: (photograph: Buffer) => Sharp })[] = [
  {
    name: 'read as coarsely as the codec can',
    read: (photograph) => sharp(photograph).resize(550),
    encode: (pipeline) => pipeline.webp({ effort: 2 }),
  },
  {
    name: 'read at full size',
    read: (photograph) => sharp(photograph).pipelineColourspace('srgb').resize(550),
    encode: (pipeline) => pipeline.webp({ effort: 2 }),
  },
]

export async function benchQuality(): Promise<readonly BenchRow[]> {
  sharp.concurrency(1)
  sharp.cache(false)
  const photographs = await readPhotographs()
  const rows: BenchRow[] = []
  for (const [width, settings] of [
    [550, [...WEBP, ...AVIF, ...JPEG, ...PNG]],
    [128, [...WEBP, ...AVIF]],
  ] as const) {
    const references = await Promise.all(photographs.map((photograph) => reduce(photograph, width)))
    for (const { name, encode } of settings)
      rows.push(
        await measure(
          `${name}, ${width} pixels wide`,
          references,
          references.map((reference) => () => encode(sharp(reference))),
        ),
      )
  }
  const large = await largePhotograph()
  const reference = await reduce(large, 550)
  for (const { name, read, encode } of READINGS)
    rows.push(await measure(`JPEG 2725x2225 to WebP 550, ${name}`, [reference], [() => encode(read(large))]))
  return rows
}

async function readPhotographs(): Promise<readonly Buffer[]> {
  const corpus = process.env.MEDIA_CORPUS
  if (corpus === undefined) return [await largePhotograph()]
  return PHOTOGRAPHS.map((name) => readFileSync(join(corpus, 'photos', name)))
}

async function measure(
  name: string,
  references: readonly Buffer[],
  renders: readonly (() => Sharp)[],
): Promise<BenchRow> {
  let [milliseconds, bytes, score] = [0, 0, 0]
  for (const [index, render] of renders.entries()) {
    let fastest = Number.POSITIVE_INFINITY
    let got: Buffer = Buffer.alloc(0)
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = process.cpuUsage()
      got = await render().toBuffer()
      const { user, system } = process.cpuUsage(before)
      fastest = Math.min(fastest, (user + system) / 1000)
    }
    milliseconds += fastest / renders.length
    bytes += got.length / renders.length
    score += (await scoreOf(references[index] ?? Buffer.alloc(0), got)) / renders.length
  }
  const note = `${(bytes / 1000).toFixed(2)} kB, score ${score.toFixed(1)}`
  return { name, value: milliseconds, unit: 'ms', note }
}
