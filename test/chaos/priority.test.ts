import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { engineOf } from '../bench/process-snapshot.ts'
import { startService } from '../bench/service.ts'
import { send } from '../http.ts'

/** The kernel caps niceness at this value (sched(7)). A run of the tests may itself be nice. */
const MAX_NICENESS = 19

/** Returns the niceness of every thread of a process. */
function nicenessOf(pid: number): ReadonlySet<number> {
  const levels = new Set<number>()
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, 'latin1')
    // The nineteenth field of proc_pid_stat(5). The second one, the name, may contain any characters.
    levels.add(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]))
  }
  return levels
}

it.skipIf(!existsSync('/proc/self/task'))(
  'renders and scans run at a lower priority than the server process (needs /proc)',
  async () => {
    const service = await startService()
    try {
      await expect.poll(async () => (await send(service.url, '/_ready')).status).toBe(200)
      const [base = 0] = nicenessOf(process.pid)
      expect(nicenessOf(service.pid)).toEqual(new Set([base]))
      const levels = new Set(engineOf(service.pid).flatMap((pid) => [...nicenessOf(pid)]))
      // The pools of quick jobs, of scans and of heavy jobs (docs/architecture.md).
      expect(levels).toEqual(new Set([5, 10, 12].map((niceness) => Math.min(MAX_NICENESS, base + niceness))))
    } finally {
      await service.close()
    }
  },
)
