/**
 * `pnpm bench cost`: compares the predicted costs of jobs with the actual ones, each in a separate process.
 * The tables of `origin/src/engine/cost-tables.ts` are made from its output. It takes about ten minutes.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engineArguments } from '@media-proxy/origin/assembly/starter.ts'
import type { EngineProcessOptions } from '@media-proxy/origin/engine/engine-process.ts'
import { inspectFfmpeg } from '@media-proxy/origin/engine/ffmpeg-binary.ts'
import { type MeteredRender, type MeteredSource, meterRender } from '@media-proxy/origin/engine/job-meter.ts'
import type { RenderOptions } from '@media-proxy/origin/engine/render-options.ts'
import { SNIFF_BYTES, sniff } from '@media-proxy/origin/media/sniff.ts'
import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { LIMITS } from '../video-tools.ts'
import { CODINGS, type Coding, type Content, sidesOf } from './cost-images.ts'
import type { BenchRow } from './measure.ts'

/**
 * Disables limits and fallback formats, because the costs
 * of jobs that are too expensive are measured as well.
 */
const NO_LIMITS = { ...LIMITS, decodedBytes: 2 ** 40, avifPixels: 2 ** 40 }
const MAPPED_BYTES = 16 * 2 ** 30

/** A prediction below these values is never too high, because nothing depends on it. */
const FLOOR_BYTES = 16 * 2 ** 20
const FLOOR_SECONDS = 0.05
const MAX_RATIO = 3
const WORST_SHOWN = 8
const FOLDER = join(import.meta.dirname, '../../bench-results')

interface CostRow {
  readonly source: string
  readonly rendition: string
  readonly predictedMib: number
  readonly usedMib: number
  readonly memoryRatio: number
  /** The peak of mapped memory, which the limit of the kernel counts. */
  readonly mappedMib: number
  readonly predictedSeconds: number
  readonly usedSeconds: number
  readonly secondsRatio: number
}

export async function benchCost(): Promise<readonly BenchRow[]> {
  if (process.platform !== 'linux') {
    console.log('the peak of a process is read from /proc: this benchmark runs on Linux')
    return []
  }
  const engine = await engineOptions()
  const rows: CostRow[] = []
  for await (const { name, source, renditions } of sources()) {
    for (const { name: rendition, options } of renditions) {
      const metered = await meterRender(engine, source, options, NO_LIMITS)
      // A file of the corpus that is broken, or made to take forever.
      if (isFailure(metered)) continue
      rows.push(rowOf(name, rendition, metered))
    }
  }
  console.table(rows)
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'cost-jobs.json'), `${JSON.stringify(rows, null, 2)}\n`)
  return [...summary('memory', rows, memoryOf), ...summary('processor time', rows, secondsOf)]
}

async function engineOptions(): Promise<EngineProcessOptions> {
  const binary = await inspectFfmpeg(process.env)
  const setup = { role: 'media', libav: 'off', temporaryFileBytes: 0, decoderMemoryBytes: 2 ** 31 } as const
  return {
    args: engineArguments('fault' in binary ? setup : { ...setup, ffmpeg: binary }),
    environment: { TMPDIR: process.env.TMPDIR ?? '/tmp' },
    sandbox: {
      jobMemoryBytes: MAPPED_BYTES,
      fileBytes: LIMITS.temporaryFileBytes,
      niceness: 0,
      isolation: { network: 'shared', command: [] },
    },
  }
}

interface Rendition {
  readonly name: string
  readonly options: RenderOptions
}

interface CostSource {
  readonly name: string
  readonly source: MeteredSource
  readonly renditions: readonly Rendition[]
}

const FORMATS: readonly ImageFormat[] = ['webp', 'avif', 'jpeg', 'png', 'gif']

function rendition(
  format: ImageFormat,
  { width, ...options }: Partial<RenderOptions> & { readonly width?: number } = {},
): Rendition {
  const args = [width, options.quality === 'lossless' ? 'lossless' : '', options.animated ? 'animated' : '']
  return {
    name: [
      format,
      ...args,
      options.blur === undefined ? '' : `blur ${options.blur}`,
      ...operationsIn(options),
    ]
      .filter((word) => word !== '' && word !== undefined)
      .join(' '),
    options: {
      geometry: {
        kind: 'transformation',
        fit: 'cover',
        gravity: 'centre',
        ...(width === undefined ? {} : { width }),
      },
      format,
      quality: 80,
      isQualityRequested: true,
      animated: false,
      imagesOnly: false,
      ...options,
    },
  }
}

/** Returns the operations in the options, by their names in a URL. */
function operationsIn(options: Partial<RenderOptions>): readonly string[] {
  return (['crop', 'trim', 'rotate', 'pad', 'sharpen', 'maxBytes'] as const).filter((name) => name in options)
}

async function* sources(): AsyncGenerator<CostSource> {
  for (const coding of CODINGS) {
    for (const content of ['smooth', 'noise'] as const) {
      for (const megapixels of coding.moves ? [0.1, 0.3] : [0.1, 1, 4, 12, 40]) {
        if (megapixels > coding.maxMegapixels) continue
        yield {
          name: `${coding.name} ${content} ${megapixels} MP`,
          source: { format: coding.format, bytes: await madeOf(coding, content, megapixels) },
          renditions: coding.moves ? MOVING_RENDITIONS : renditionsOf(coding, content, megapixels),
        }
      }
    }
  }
  yield* corpusSources()
}

function madeOf(coding: Coding, content: Content, megapixels: number): Promise<Buffer> {
  const { width, height } = sidesOf(megapixels)
  return coding.make(content, width, height)
}

const MOVING_RENDITIONS: readonly Rendition[] = [
  ...(['webp', 'gif', 'png'] as const).flatMap((format) => [
    rendition(format, { animated: true }),
    rendition(format, { animated: true, width: 64 }),
  ]),
  rendition('webp', { animated: true, blur: 5 }),
  rendition('webp', { animated: true, quality: 'lossless' }),
  rendition('jpeg', { width: 64 }),
]

const OPERATIONS: readonly Partial<RenderOptions>[] = [
  { crop: { unit: 'ten-thousandth', x: 1000, y: 1000, width: 8000, height: 8000 } },
  { trim: true },
  { rotate: 90, pad: { top: 10, right: 10, bottom: 10, left: 10 } },
  { sharpen: 2 },
  { maxBytes: 20_000 },
]

/**
 * Returns the renditions to measure: each source at a small size, which measures decoding alone, and
 * representative sources in all formats and operations.
 */
function renditionsOf({ name }: Coding, content: Content, megapixels: number): readonly Rendition[] {
  const small = [rendition('jpeg', { width: 64 }), rendition('webp', { width: 512 })]
  const half = Math.round(sidesOf(megapixels).width / 2)
  if (megapixels > 12) return [...small, rendition('webp', { width: half })]
  if (name === 'PNG')
    return [
      ...small,
      ...FORMATS.filter((format) => format !== 'gif' || megapixels < 4).map((format) =>
        rendition(format, { quality: 'lossless' }),
      ),
      rendition('jpeg', { width: half }),
    ]
  if (name !== 'JPEG' && name !== 'PNG RGBA') return small
  // Dithering noise takes seconds per megapixel.
  const formats = FORMATS.filter((format) => format !== 'gif' || content === 'smooth' || megapixels <= 1)
  return [
    ...small,
    ...formats.map((format) => rendition(format)),
    rendition('avif', { width: half }),
    rendition('webp', { blur: 10 }),
    rendition('jpeg', { width: half, blur: 100 }),
    ...OPERATIONS.map((operations) => rendition('webp', { width: half, ...operations })),
  ]
}

/** Real images and videos, when there is a corpus. */
async function* corpusSources(): AsyncGenerator<CostSource> {
  const corpus = process.env.MEDIA_CORPUS
  if (corpus === undefined) return
  for (const entry of readdirSync(corpus, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const bytes = readFileSync(join(entry.parentPath, entry.name))
    const kind = await sniff(bytes.subarray(0, SNIFF_BYTES), entry.name)
    if (kind === undefined || kind.kind === 'audio') continue
    yield {
      name: entry.name,
      source: { format: kind.format, bytes },
      renditions: [
        rendition('webp', { width: 550, animated: true }),
        rendition('avif'),
        rendition('jpeg', { width: 64 }),
      ],
    }
  }
}

function rowOf(source: string, name: string, { predicted, used, mappedBytes }: MeteredRender): CostRow {
  return {
    source,
    rendition: name,
    predictedMib: rounded(predicted.memoryBytes / 2 ** 20),
    usedMib: rounded(used.memoryBytes / 2 ** 20),
    memoryRatio: rounded(predicted.memoryBytes / used.memoryBytes),
    mappedMib: rounded(mappedBytes / 2 ** 20),
    predictedSeconds: rounded(predicted.cpuSeconds),
    usedSeconds: rounded(used.cpuSeconds),
    secondsRatio: rounded(predicted.cpuSeconds / used.cpuSeconds),
  }
}

const rounded = (value: number) => Number(value.toPrecision(3))

interface Checked {
  readonly ratio: number
  /** The cost is too small for a higher prediction to matter. */
  readonly floor: boolean
}

const memoryOf = (row: CostRow): Checked => ({
  ratio: row.memoryRatio,
  floor: row.predictedMib * 2 ** 20 <= FLOOR_BYTES,
})
const secondsOf = (row: CostRow): Checked => ({
  ratio: row.secondsRatio,
  floor: row.usedSeconds <= FLOOR_SECONDS,
})

/** Summarises the lowest and highest ratios of predicted to actual costs. */
function summary(
  name: string,
  rows: readonly CostRow[],
  validate: (row: CostRow) => Checked,
): readonly BenchRow[] {
  const checked = rows.map((row) => ({ row, ...validate(row) })).toSorted((a, b) => a.ratio - b.ratio)
  const low = checked.slice(0, WORST_SHOWN)
  const high = checked.filter(({ floor }) => !floor).slice(-WORST_SHOWN)
  const line = ({ row, ratio }: (typeof checked)[number]) => ({
    name: `cost, predicted ${name} to true: ${row.source} to ${row.rendition}`,
    value: ratio,
    unit: 'times' as const,
  })
  return [
    ...low.map((each) => ({ ...line(each), target: { atLeast: 1 } })),
    ...high.map((each) => ({ ...line(each), target: { atMost: MAX_RATIO } })),
  ]
}
