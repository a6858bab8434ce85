/**
 * `pnpm bench peers`: compares this service with others in one run, with the same requests for the same
 * files. ipx and thumbor are installed into a separate folder on the first run. A service that is running
 * already is named, and reads the files from the folder that is given with it:
 * `pnpm bench peers --folder /srv/files --peer
 * 'imgproxy=http://127.0.0.1:8090/insecure/rs:fit:{width}:0/q:{quality}/plain/local:///{file}@{format}' --peer
 * 'imagor=http://127.0.0.1:8091/unsafe/fit-in/{width}x0/filters:format({format}):quality({quality})/{file}'`
 */

import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { freePort } from '../free-port.ts'
import { type BenchRow, inFlight, median } from './measure.ts'
import { PEER_CELLS, type PeerCell } from './peer-cells.ts'
import { openIpx, openOurs, openRunning, openThumbor, type PeerService } from './peer-services.ts'
import { treeCpuMs } from './process-snapshot.ts'
import { reduceInBothWays, scoreOf } from './score.ts'

export interface PeersOptions {
  /** Each is `name=URL template`. */
  readonly peers: readonly string[]
  /** The folder for the files. Default: a temporary one. */
  readonly folder: string | undefined
}

const ROUNDS = 3
const IN_FLIGHT = 4

export async function benchPeers({ peers, folder }: PeersOptions): Promise<readonly BenchRow[]> {
  const root = folder ?? (await mkdtemp(join(tmpdir(), 'media-proxy-peers-')))
  // The layout that this service expects. The others use the innermost folder.
  const files = join(root, 'cdn/attachments/1')
  await mkdir(files, { recursive: true })
  const services: PeerService[] = []
  try {
    const openings: readonly (readonly [name: string, open: () => Promise<PeerService>])[] = [
      ['this service, fast', () => openOurs(root, 'fast')],
      ['this service, fine', () => openOurs(root, 'fine')],
      ['ipx', () => openIpx(files)],
      ['thumbor', async () => openThumbor(files, await freePort())],
      ...peers.map((peer) => {
        const [name = '', template = ''] = peer.split(/=(.*)/s)
        return [name, () => openRunning(name, template)] as const
      }),
    ]
    for (const [name, open] of openings) {
      try {
        services.push(await open())
      } catch (error) {
        console.warn(`${name} is left out: ${String(error).slice(0, 500)}`)
      }
    }
    const rows: BenchRow[] = []
    for (const cell of PEER_CELLS) rows.push(...(await benchCell(cell, services, files)))
    return rows
  } finally {
    for (const service of services) await service.close()
    if (folder === undefined) await rm(root, { recursive: true })
  }
}

interface Measured {
  readonly rates: number[]
  readonly cpuMs: number[]
  bytes: number
  answers: number
  errors: number
  first: Buffer | undefined
}

async function benchCell(
  cell: PeerCell,
  services: readonly PeerService[],
  files: string,
): Promise<readonly BenchRow[]> {
  const source = await cell.source()
  const stem = cell.name.replace(/\W+/g, '-')
  const original = join(files, `${stem}.${cell.extension}`)
  await writeFile(original, source)
  const measured = services.map(
    (): Measured => ({ rates: [], cpuMs: [], bytes: 0, answers: 0, errors: 0, first: undefined }),
  )
  // The first round is a warm-up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const names = Array.from(
      { length: cell.count },
      (_, index) => `${stem}-${round}-${index}.${cell.extension}`,
    )
    for (const name of names) {
      // The file may exist from an earlier run with the same folder.
      await rm(join(files, name), { force: true })
      await link(original, join(files, name))
    }
    for (const [index, service] of services.entries()) {
      const sheet = measured[index]
      if (sheet !== undefined) await benchRound(cell, service, names, round === 0 ? undefined : sheet)
    }
  }
  const references = cell.scored ? await reduceInBothWays(source, cell.widths[0] ?? 1) : []
  const rows: BenchRow[] = []
  for (const [index, { name }] of services.entries()) {
    const sheet = measured[index]
    if (sheet === undefined) continue
    const { rates, cpuMs, bytes, answers, errors, first } = sheet
    const score =
      first === undefined || references.length === 0 ? undefined : await bestScore(references, first)
    const notes = [
      `${median(cpuMs).toFixed(1)} ms`,
      `${(bytes / Math.max(1, answers) / 1000).toFixed(1)} kB`,
      ...(score === undefined ? [] : [`score ${score.toFixed(1)}`]),
      ...(errors === 0 ? [] : [`${errors} errors`]),
    ]
    rows.push({
      name: `${cell.name}: ${name}`,
      value: median(rates),
      unit: 'per second',
      note: notes.join(', '),
    })
  }
  return rows
}

/** Returns the higher score. NaN when the image has another size than its references. */
async function bestScore(references: readonly Buffer[], got: Buffer): Promise<number> {
  const scores: number[] = []
  for (const reference of references) scores.push(await scoreOf(reference, got).catch(() => Number.NaN))
  return Math.max(...scores)
}

async function benchRound(
  { widths, format, quality }: PeerCell,
  service: PeerService,
  names: readonly string[],
  sheet: Measured | undefined,
): Promise<void> {
  const urls = names.flatMap((file) => widths.map((width) => service.urlOf({ file, width, format, quality })))
  const [cpuBefore, startedAt] = [treeCpuMs(service.pid), performance.now()]
  await inFlight(urls.length, IN_FLIGHT, async (index) => {
    const { statusCode, body } = await request(urls[index] ?? '')
    const bytes = Buffer.from(await body.arrayBuffer())
    if (sheet === undefined) return
    if (statusCode !== 200) {
      sheet.errors += 1
      return
    }
    sheet.answers += 1
    sheet.bytes += bytes.length
    if (index === 0) sheet.first ??= bytes
  })
  sheet?.rates.push(urls.length / ((performance.now() - startedAt) / 1000))
  sheet?.cpuMs.push((treeCpuMs(service.pid) - cpuBefore) / urls.length)
}
