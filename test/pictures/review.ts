/**
 * `pnpm pictures:review` writes pictures-review/index.html. It shows the expected image of each golden, the
 * current rendition, and their differences. With `--accept`, the current renditions become the goldens; look
 * at them first.
 */

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { CASES, type GoldenCase } from './cases.ts'
import { factsOf } from './facts.ts'
import { framesOf } from './frames.ts'
import { compareWithGolden, readGolden, writeGoldens } from './goldens.ts'
import { openRenderer } from './render.ts'
import type { Frame } from './score.ts'

const FOLDER = join(import.meta.dirname, '../../pictures-review')
/** The factor by which differences are amplified. */
const DIFFERENCE_GAIN = 8

const renderer = await openRenderer()
const renditions = new Map<GoldenCase, Buffer>()
try {
  for (const image of CASES) renditions.set(image, await renderer.render(image))
} finally {
  await renderer.close()
}
await rm(FOLDER, { recursive: true, force: true })
await mkdir(FOLDER, { recursive: true })
const rows: string[] = []
for (const [image, got] of renditions) rows.push(await rowOf(image, got))
await writeFile(join(FOLDER, 'index.html'), sheetOf(rows))
if (process.argv.includes('--accept')) await writeGoldens(renditions)
console.log(`${rows.length} pictures in pictures-review/index.html`)

async function rowOf(image: GoldenCase, got: Buffer): Promise<string> {
  const { name, source, query, bound } = image
  const golden = await readGolden(image)
  const { faults, scores } =
    golden === undefined ? { faults: ['no golden'], scores: [] } : await compareWithGolden(image, golden, got)
  const cells = [golden?.image, got].map((bytes) =>
    bytes === undefined ? '' : imageOf(bytes, typeOf(bytes)),
  )
  const difference = golden === undefined ? '' : imageOf(await differenceOf(golden.image, got), 'image/png')
  const { format, width, height, ...facts } = await factsOf(got)
  if (faults.length > 0) console.log(`${name}: ${faults.join('; ')}`)
  return `<tr class="${faults.length > 0 ? 'bad' : 'good'}"><th>${name}<small>${source}<br>${escapeHtml(query)}</small></th>
    ${[...cells, difference].map((cell) => `<td>${cell}</td>`).join('')}
    <td>${scores.map((score) => score.toFixed(1)).join(' ')} of ${bound}<br>${got.length} bytes ${format} ${width}x${height}
    <pre>${escapeHtml(JSON.stringify(facts, null, 1))}</pre><b>${escapeHtml(faults.join('\n'))}</b></td></tr>`
}

/**
 * Returns the frames side by side, as the amplified difference of each channel. Colours are weighted by their
 * alpha.
 */
async function differenceOf(expected: Buffer, got: Buffer): Promise<Buffer> {
  const [a, b] = await Promise.all([framesOf(expected), framesOf(got)])
  const pairs = a.flatMap((frame, at) => {
    const other = b[at]
    return other !== undefined && other.data.length === frame.data.length ? [[frame, other] as const] : []
  })
  if (pairs.length === 0)
    return sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
  const images = await Promise.all(pairs.map(([frame, other]) => distance(frame, other)))
  const { width = 1, height = 1 } = pairs[0]?.[0] ?? {}
  return sharp({ create: { width: width * images.length, height, channels: 3, background: 'black' } })
    .composite(images.map((input, at) => ({ input, left: at * width, top: 0 })))
    .png()
    .toBuffer()
}

function distance(frame: Frame, other: Frame): Promise<Buffer> {
  const { width, height } = frame
  const covered = ({ data }: Frame, at: number, channel: number) =>
    ((data[at * 4 + channel] ?? 0) * (data[at * 4 + 3] ?? 0)) / 255
  const pixels = Buffer.alloc(width * height * 3)
  for (let at = 0; at < width * height; at += 1)
    for (let channel = 0; channel < 3; channel += 1) {
      const alpha = Math.abs((frame.data[at * 4 + 3] ?? 0) - (other.data[at * 4 + 3] ?? 0))
      const colour = Math.abs(covered(frame, at, channel) - covered(other, at, channel))
      pixels[at * 3 + channel] = Math.min(255, DIFFERENCE_GAIN * Math.max(alpha, colour))
    }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

function typeOf(bytes: Buffer): string {
  if (bytes[0] === 0xff) return 'image/jpeg'
  if (bytes[0] === 0x89) return 'image/png'
  if (bytes.toString('latin1', 0, 3) === 'GIF') return 'image/gif'
  return bytes.toString('latin1', 8, 12) === 'WEBP' ? 'image/webp' : 'image/avif'
}

function imageOf(bytes: Buffer, type: string): string {
  return `<img src="data:${type};base64,${bytes.toString('base64')}" alt="">`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function sheetOf(lines: readonly string[]): string {
  return `<!doctype html><meta charset="utf-8"><title>Pictures</title><style>
    body { font: 14px sans-serif } small, pre { font-weight: normal; display: block } pre { font-size: 11px; margin: 0 }
    td, th { border: 1px solid #bbb; padding: 6px; vertical-align: top; text-align: left } .bad th { background: #f99 }
    img { image-rendering: pixelated; zoom: 2; background: repeating-conic-gradient(#ccc 0 25%, #fff 0 50%) 0 0 / 8px 8px }
    </style><table><tr><th></th><th>expected</th><th>got</th><th>difference, ${DIFFERENCE_GAIN} times</th><th>facts</th></tr>
    ${lines.join('\n')}</table>`
}
