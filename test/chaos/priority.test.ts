import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { PRIORITIES } from '@media-proxy/origin/priority.ts'
import { expect, it } from 'vitest'
import { createTimedClient, startService } from '../bench/service.ts'
import { noisePng } from '../fixtures.ts'
import { until } from '../until.ts'

/** The niceness of each thread of a process, by the threads' name. */
function nicenessByName(pid: number): Map<string, Set<number>> {
  const threads = new Map<string, Set<number>>()
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, 'latin1')
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    // The nineteenth field of proc_pid_stat(5); the name is the second.
    const niceness = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
    threads.set(name, (threads.get(name) ?? new Set()).add(niceness))
  }
  return threads
}

it.skipIf(!existsSync('/proc/self/task'))(
  'renders and scans give way to the thread that answers (needs /proc)',
  async () => {
    const service = await startService()
    const client = createTimedClient(service.url)
    try {
      await service.put('cdn/attachments/1/a.png', await noisePng(400, 300))
      await until(async () => (await client.get('/_ready')).status === 200)
      const own = nicenessByName(process.pid).get('MainThread') ?? new Set([0])
      const base = Math.min(...own)
      expect((await client.get('/attachments/1/a.png?width=200&format=webp')).status).toBe(200)
      const threads = nicenessByName(service.pid)
      expect(threads.get('MainThread')).toEqual(new Set([base]))
      expect(threads.get('libuv-worker')).toEqual(new Set([base + PRIORITIES.renders]))
      expect(threads.get('WorkerThread')).toContain(base + PRIORITIES.scans)
    } finally {
      await client.close()
      await service.close()
    }
  },
)
