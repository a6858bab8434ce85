import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startEngineProcess } from './engine-process.ts'

it.skipIf(!existsSync('/proc/self/stat'))(
  'the processor time of a process that was ended is told with its end (needs /proc)',
  async () => {
    const endless = startEngineProcess({
      words: ['-e', 'for (;;);'],
      sandbox: {
        jobMemoryBytes: 2 ** 30,
        fileBytes: 0,
        niceness: 0,
        isolation: { network: 'shared', command: [] },
      },
    })
    try {
      await expect.poll(() => endless.cpuSeconds(), { interval: 10 }).toBeGreaterThan(0.1)
    } finally {
      endless.kill('cpu')
    }
    const { cause, cpuSeconds } = await endless.ended
    expect(cause).toEqual({ kind: 'killed', reason: 'cpu' })
    expect(cpuSeconds).toBeGreaterThan(0.1)
  },
)
