/** Compares the service with plain Sharp on the same work, and cached renditions with a plain server. */

import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { type BenchRow, comparePair, inFlight } from './measure.ts'
import { createClient, startProcess, startService } from './service.ts'
import { largePhotograph } from './sources.ts'

const run = promisify(execFile)

const IN_FLIGHT = 4
const ROUNDS = 5
const HOT_CONNECTIONS = 64

export async function benchImages(): Promise<readonly BenchRow[]> {
  sharp.concurrency(1)
  sharp.cache(false)
  const photograph = await largePhotograph()
  const avatar = await sharp(photograph).resize(512, 512).webp({ quality: 90 }).toBuffer()
  const emoji = await sharp(photograph).resize(128, 128).png().toBuffer()
  return [
    await benchCold('JPEG 2725x2225 to WebP 550', photograph, 550, 24, 0.9),
    await benchCold('WebP 512 to WebP 128', avatar, 128, 120, 0.8),
    await benchCold('PNG 128 to WebP 48', emoji, 48, 240, 1),
    ...(await benchHot('a hot avatar', avatar, 'avatars/1/hot.webp?size=128')),
    ...(await benchHot('a hot photograph', photograph, 'attachments/1/hot.jpg?width=550&format=webp')),
  ]
}

async function benchCold(
  bench: string,
  source: Buffer,
  width: number,
  units: number,
  atLeast: number,
): Promise<BenchRow> {
  const service = await startService()
  const client = createClient(IN_FLIGHT)
  const name = (round: number, index: number) => `attachments/1/${round}-${index}.bin`
  // Distinct objects, so that nothing is shared or cached.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (let index = 0; index < units; index += 1) await service.put(`cdn/${name(round, index)}`, source)
  }
  try {
    return await comparePair({
      bench,
      atLeast,
      units,
      rounds: ROUNDS,
      baseline: {
        name: 'bare Sharp',
        run: (count) =>
          inFlight(count, IN_FLIGHT, () =>
            sharp(source)
              .pipelineColourspace('srgb')
              .autoOrient()
              .resize(width)
              .webp({ quality: 80, effort: 2 })
              .toBuffer(),
          ),
      },
      subject: {
        name: 'the service',
        run: (count, round) =>
          inFlight(count, IN_FLIGHT, (index) =>
            client.get(`${service.url}/${name(round, index)}?width=${width}&format=webp`),
          ),
      },
    })
  } finally {
    await client.close()
    await service.close()
  }
}

/**
 * Measures as in production, with a log record per request. It uses a client in Node, which may limit both
 * contenders, and a compiled one if it is installed.
 */
async function benchHot(bench: string, source: Buffer, path: string): Promise<readonly BenchRow[]> {
  const service = await startService({ MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'info' })
  for (const key of ['avatars/1/hot', 'attachments/1/hot.jpg']) await service.put(`cdn/${key}`, source)
  const url = `${service.url}/${path}`
  const response = await fetch(url)
  const bytes = Buffer.from(await response.arrayBuffer())
  const file = join(service.directory, 'hot.bin')
  await writeFile(file, bytes)
  const headers = Object.fromEntries(
    [...response.headers].filter(
      ([name]) => !['x-request-id', 'date', 'connection', 'keep-alive'].includes(name),
    ),
  )
  const bare = await startProcess([
    join(import.meta.dirname, 'bare-server.ts'),
    file,
    JSON.stringify(headers),
  ])
  const client = createClient(HOT_CONNECTIONS)
  const clients = [
    {
      name: 'by Node',
      ask: (asked: string, count: number) => inFlight(count, HOT_CONNECTIONS, () => client.get(asked)),
    },
    ...(hasCompiledClient() ? [{ name: `by ${COMPILED_CLIENT}`, ask: askCompiled }] : []),
  ]
  try {
    const rows: BenchRow[] = []
    for (const { name, ask } of clients) {
      rows.push(
        await comparePair({
          bench: `${bench}, ${name}`,
          atLeast: 0.8,
          units: 8000,
          rounds: ROUNDS,
          baseline: { name: 'a bare server', run: (count) => ask(bare.url, count) },
          subject: { name: 'the service', run: (count) => ask(url, count) },
        }),
      )
    }
    return rows
  } finally {
    await client.close()
    bare.child.disconnect()
    await once(bare.child, 'exit')
    await service.close()
  }
}

/** Installed with `go install github.com/rakyll/hey@latest`. */
const COMPILED_CLIENT = 'hey'

const hasCompiledClient = () => spawnSync(COMPILED_CLIENT, ['-h']).error === undefined

async function askCompiled(url: string, count: number): Promise<void> {
  const connections = String(HOT_CONNECTIONS)
  const { stdout } = await run(COMPILED_CLIENT, ['-n', String(count), '-c', connections, url])
  // The result is valid only when every request succeeded.
  if (!stdout.includes(`[200]\t${count} responses`)) throw new Error(`${url} was rejected: ${stdout}`)
}
