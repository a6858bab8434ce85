/**
 * Measures how much more CPU time an uncached rendition costs than its plain call, over the whole process
 * tree. CPU time is independent of other load.
 */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchRow, inFlight, median } from './measure.ts'
import { OVERHEAD_CASES, type OverheadCase } from './overhead-cases.ts'
import { descendantsOf } from './process-snapshot.ts'
import { createClient, startProcess, startService } from './service.ts'
import { largePhotograph } from './sources.ts'

const ROUNDS = 5
const IN_FLIGHT = 4

export async function benchOverhead(): Promise<readonly BenchRow[]> {
  const photograph = await largePhotograph()
  const rows: BenchRow[] = []
  for (const each of OVERHEAD_CASES) rows.push(...(await benchCase(each, await each.source(photograph))))
  return rows
}

async function benchCase(
  { name, query, count, atMostMs }: OverheadCase,
  source: Buffer,
): Promise<readonly BenchRow[]> {
  const service = await startService()
  const client = createClient(IN_FLIGHT)
  const file = join(service.directory, 'source.bin')
  await service.put('source.bin', source)
  const bare = await startProcess([join(import.meta.dirname, 'bare-sharp.ts'), file, name])
  const spent = { bare: [] as number[], server: [] as number[], engine: [] as number[] }
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (let index = 0; index < count; index += 1)
        await service.put(`cdn/attachments/1/${round}-${index}.bin`, source)
      const before = cpuOf(bare.child.pid ?? 0, service.pid)
      bare.child.send({ count })
      await once(bare.child, 'message')
      await inFlight(count, IN_FLIGHT, (index) =>
        client.get(`${service.url}/attachments/1/${round}-${index}.bin?${query}`),
      )
      const after = cpuOf(bare.child.pid ?? 0, service.pid)
      if (round === 0) continue
      for (const part of ['bare', 'server', 'engine'] as const)
        spent[part].push((after[part] - before[part]) / count)
    }
  } finally {
    await client.close()
    bare.child.disconnect()
    await once(bare.child, 'exit')
    await service.close()
  }
  const [alone, server, engine] = [spent.bare, spent.server, spent.engine].map(median) as [
    number,
    number,
    number,
  ]
  return [
    {
      name: `${name}: beside a bare call`,
      value: server + engine - alone,
      unit: 'ms',
      target: { atMost: atMostMs },
      note: `${alone.toFixed(2)} bare; server ${server.toFixed(2)}, engine ${engine.toFixed(2)}`,
    },
  ]
}

/** Returns the CPU milliseconds so far: of a plain process, of a server, and of all its descendants. */
function cpuOf(bare: number, server: number): Record<'bare' | 'server' | 'engine', number> {
  const engine = descendantsOf(server).reduce((sum, pid) => sum + cpuMs(pid), 0)
  return { bare: cpuMs(bare), server: cpuMs(server), engine }
}

/**
 * Returns the CPU time in milliseconds: user and system time, the fourteenth and fifteenth field of
 * proc_pid_stat(5), in hundredths of a second.
 */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
