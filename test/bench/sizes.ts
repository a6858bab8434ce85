/**
 * Measures sixteen sizes of one image: one by one, and all at once. For concurrent requests, the source is
 * read once and, if that gives the same bytes, decoded once per process.
 */

import sharp from 'sharp'
import { send } from '../http.ts'
import { type BenchRow, median } from './measure.ts'
import { treeCpuMs } from './process-snapshot.ts'
import { type BenchService, startService } from './service.ts'
import { largePhotograph } from './sources.ts'

const WIDTHS = [16, 32, 48, 64, 80, 96, 128, 160, 200, 256, 320, 400, 480, 512, 640, 1024]
const ROUNDS = 3

const photograph = async (width: number, height: number) =>
  sharp(await largePhotograph()).resize(width, height, { fit: 'fill' })

const SOURCES: Readonly<Record<string, { readonly extension: string; make(): Promise<Buffer> }>> = {
  'JPEG of 12 megapixels': {
    extension: 'jpg',
    make: async () => (await photograph(4000, 3000)).jpeg({ quality: 88 }).toBuffer(),
  },
  'JPEG of 6 megapixels': {
    extension: 'jpg',
    make: async () => (await photograph(2828, 2121)).jpeg({ quality: 88 }).toBuffer(),
  },
  'PNG of 6 megapixels': {
    extension: 'png',
    make: async () => (await photograph(2828, 2121)).png({ compressionLevel: 3 }).toBuffer(),
  },
  'AVIF of 6 megapixels': {
    extension: 'avif',
    make: async () => (await photograph(2828, 2121)).avif({ effort: 0 }).toBuffer(),
  },
}

export async function benchSizes(): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = []
  for (const [name, { extension, make }] of Object.entries(SOURCES)) {
    const source = await make()
    const service = await startService()
    try {
      const rounds: { readonly alone: Cost; readonly together: Cost }[] = []
      // The first round is a warm-up.
      for (let round = 0; round <= ROUNDS; round += 1) {
        const alone = await costOf(service, `${round}-alone.${extension}`, source, async (ask) => {
          for (const width of WIDTHS) await ask(width)
        })
        const together = await costOf(service, `${round}-together.${extension}`, source, async (ask) => {
          await Promise.all(WIDTHS.map(ask))
        })
        if (round > 0) rounds.push({ alone, together })
      }
      rows.push(
        ...(['seconds', 'cpuMs'] as const).map((unit) => ({
          name: `${name}, 16 sizes at once to one by one: ${unit === 'seconds' ? 'speed' : 'processor time'}`,
          value: median(
            rounds.map(({ alone, together }) =>
              unit === 'seconds' ? alone.seconds / together.seconds : together.cpuMs / alone.cpuMs,
            ),
          ),
          unit: 'times' as const,
          ...(unit === 'seconds' ? { target: { atLeast: 3 } } : {}),
          note: `${rounds.map(({ alone, together }) => `${alone[unit].toFixed(2)} and ${together[unit].toFixed(2)}`).join('; ')}`,
        })),
      )
    } finally {
      await service.close()
    }
  }
  return rows
}

interface Cost {
  readonly seconds: number
  readonly cpuMs: number
}

async function costOf(
  service: BenchService,
  file: string,
  source: Uint8Array,
  work: (ask: (width: number) => Promise<void>) => Promise<void>,
): Promise<Cost> {
  await service.put(`cdn/attachments/1/${file}`, source)
  const cpuBefore = treeCpuMs(service.pid)
  const startedAt = performance.now()
  await work(async (width) => {
    const { status } = await send(service.url, `/attachments/1/${file}?width=${width}&format=webp`)
    if (status !== 200) throw new Error(`${file} at ${width}: ${status}`)
  })
  return { seconds: (performance.now() - startedAt) / 1000, cpuMs: treeCpuMs(service.pid) - cpuBefore }
}
