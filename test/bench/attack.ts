/**
 * Measures files that are cheap to send and expensive to open, ten at once, and the latency of other users'
 * avatars meanwhile.
 */

import { deflateSync } from 'node:zlib'
import { encodePngChunk, PNG_SIGNATURE } from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import sharp from 'sharp'
import { noisePng } from '../fixtures.ts'
import { percentile } from './latency.ts'
import type { BenchRow } from './measure.ts'
import { largestChildMib, treeMib } from './process-snapshot.ts'
import { createTimedClient, startService } from './service.ts'

const CONCURRENT_REQUESTS = 10
const AVATAR_EVERY_MS = 100
const POLL_MS = 50

interface Attack {
  readonly name: string
  readonly make: (index: number) => Promise<Uint8Array> | Uint8Array
  readonly query: string
}

const ATTACKS: readonly Attack[] = [
  { name: 'SVG of 134 megapixels as AVIF', make: hugeSvg, query: 'format=avif' },
  { name: 'PNG of 164 megapixels as AVIF', make: () => hugePng(), query: 'format=avif' },
  { name: 'PNG of 164 megapixels as JPEG', make: () => hugePng(), query: 'format=jpeg' },
  { name: 'SVG of 30,000 rules and 60,000 groups', make: expensiveSvg, query: 'width=64&format=png' },
  { name: 'PNG of 60 compressed texts', make: textPng, query: 'width=10&format=webp' },
  { name: 'TIFF of 65,000 pages', make: pagedTiff, query: 'width=10&format=webp' },
  {
    name: 'PNG of 24 megapixels as lossless WebP',
    make: () => noisePng(6000, 4000),
    query: 'format=webp&quality=lossless',
  },
]

export async function benchAttack(): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = []
  for (const attack of ATTACKS) rows.push(...(await run(attack)))
  return rows
}

async function run({ name, make, query }: Attack): Promise<readonly BenchRow[]> {
  const service = await startService()
  const client = createTimedClient(service.url)
  try {
    for (let index = 0; index < CONCURRENT_REQUESTS; index += 1)
      await service.put(`cdn/attachments/1/${index}`, await make(index))
    await service.put('cdn/avatars/1/a', await noisePng(512, 512))
    while ((await client.get('/_ready')).status !== 200);
    await client.get('/avatars/1/a.webp?size=64')
    let treePeakMib = 0
    const looking = setInterval(() => {
      treePeakMib = Math.max(treePeakMib, treeMib(service.pid))
    }, POLL_MS)
    const attacked = Promise.all(
      Array.from({ length: CONCURRENT_REQUESTS }, (_, index) =>
        client.get(`/attachments/1/${index}?${query}`),
      ),
    )
    let over = false
    void attacked.then(() => {
      over = true
    })
    const avatars: number[] = []
    const pending: Promise<void>[] = []
    // Each is a different rendition, so none comes from memory.
    for (let asked = 0; !over || asked < 10; asked += 1) {
      const path = `/avatars/1/a.webp?size=128&quality=${1 + (asked % 100)}&blur=${1 + Math.floor(asked / 100)}`
      pending.push(client.get(path).then(({ milliseconds }) => void avatars.push(milliseconds)))
      await new Promise((resolve) => setTimeout(resolve, AVATAR_EVERY_MS))
    }
    await Promise.all(pending)
    clearInterval(looking)
    const answers = await attacked
    const statuses = [...new Set(answers.map(({ status }) => status))].join(', ')
    const slowest = Math.max(...answers.map(({ milliseconds }) => milliseconds)) / 1000
    return [
      {
        name: `${name}, ${CONCURRENT_REQUESTS} at once: an avatar meanwhile, p99`,
        value: percentile(avatars, 0.99),
        unit: 'ms',
        target: { atMost: 150 },
        note: `${avatars.length} avatars; the ten: ${statuses} within ${slowest.toFixed(1)} s`,
      },
      {
        name: `${name}: largest process`,
        value: largestChildMib(service.pid),
        unit: 'MiB',
        target: { atMost: 1024 },
      },
      { name: `${name}: the whole tree, PSS`, value: treePeakMib, unit: 'MiB', target: { atMost: 1536 } },
    ]
  } finally {
    await client.close()
    await service.close()
  }
}

function hugeSvg(index: number): Buffer {
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="11585" height="${11585 - index}"><rect width="9" height="9"/></svg>`,
  )
}

let png: Promise<Buffer> | undefined
function hugePng(): Promise<Buffer> {
  png ??= sharp({
    create: { width: 16384, height: 10_000, channels: 3, background: '#369' },
    limitInputPixels: false,
  })
    .png({ compressionLevel: 1 })
    .toBuffer()
  return png
}

function expensiveSvg(index: number): Buffer {
  const rules = 'g:not(.a) > g ~ g rect{fill:red}'.repeat(30_000)
  const groups = '<g><rect width="1" height="1"/></g>'.repeat(60_000)
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="${100 + index}"><style>${rules}</style>${groups}</svg>`,
  )
}

function textPng(index: number): Buffer {
  const header = Buffer.from([0, 0, 0, 16, 0, 0, 0, 16, 8, 2, 0, 0, 0])
  const text = deflateSync(Buffer.alloc(10_000_000, 97 + index))
  const texts = Array.from({ length: 60 }, (_, at) => encodePngChunk('zTXt', Buffer.from(`k${at}\0\0`), text))
  const pixels = encodePngChunk('IDAT', deflateSync(Buffer.alloc(16 * 49)))
  return Buffer.concat([
    PNG_SIGNATURE,
    encodePngChunk('IHDR', header),
    ...texts,
    pixels,
    encodePngChunk('IEND'),
  ])
}

/** Makes a TIFF of many directories with one grey pixel each. */
function pagedTiff(index: number): Buffer {
  const pages = 65_000 - index
  const entries: readonly (readonly [number, number, number])[] = [
    ...([
      [256, 4, 1],
      [257, 4, 1],
      [258, 3, 8],
      [259, 3, 1],
      [262, 3, 1],
    ] as const),
    ...([
      [273, 4, 8],
      [277, 3, 1],
      [278, 4, 1],
      [279, 4, 1],
    ] as const),
  ]
  const pageBytes = 2 + entries.length * 12 + 4
  const file = Buffer.alloc(8 + pages * pageBytes)
  file.write('II*\0', 'latin1')
  file.writeUInt32LE(8, 4)
  for (let page = 0; page < pages; page += 1) {
    const at = 8 + page * pageBytes
    file.writeUInt16LE(entries.length, at)
    for (const [slot, [tag, type, value]] of entries.entries()) {
      const entry = at + 2 + slot * 12
      file.writeUInt16LE(tag, entry)
      file.writeUInt16LE(type, entry + 2)
      file.writeUInt32LE(1, entry + 4)
      file.writeUInt32LE(value, entry + 8)
    }
    if (page < pages - 1) file.writeUInt32LE(at + pageBytes, at + pageBytes - 4)
  }
  return file
}
