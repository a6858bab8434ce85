import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startEngineProcess } from './engine-process.ts'
import { FRAME } from './protocol.ts'

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

it('a job is not over before all of its source is taken, whatever its process says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
  const [said, mayRead] = [join(folder, 'said'), join(folder, 'may-read')]
  const result = JSON.stringify({ cpuSeconds: 0, result: { kind: 'scanned', predictions: [1] } })
  // Answers when it has seen the first bytes of its job, and reads the others later.
  const liar = startEngineProcess({
    words: [
      '-e',
      `const fs = require('node:fs')
      const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
      const read = (bytes) => { for (;;) try { return fs.readSync(3, bytes) } catch { wait() } }
      read(Buffer.alloc(12))
      const head = Buffer.alloc(12)
      head.writeUInt32LE(${FRAME.done}, 0)
      head.writeUInt32LE(${result.length}, 4)
      fs.writeSync(3, Buffer.concat([head, Buffer.from(${JSON.stringify(result)})]))
      fs.writeFileSync(${JSON.stringify(said)}, '')
      while (!fs.existsSync(${JSON.stringify(mayRead)})) wait()
      while (read(Buffer.alloc(1_000_000)) > 0);`,
    ],
    sandbox: {
      jobMemoryBytes: 2 ** 30,
      fileBytes: 1024,
      niceness: 0,
      isolation: { network: 'shared', command: [] },
    },
  })
  try {
    let over = false
    const job = liar.run({ kind: 'scan' }, { body: new Uint8Array(20_000_000) })
    void job.then(() => {
      over = true
    })
    await expect.poll(() => existsSync(said), { timeout: 20_000 }).toBe(true)
    await pause(100)
    expect(over).toBe(false)
    await writeFile(mayRead, '')
    expect(await job).toMatchObject({ result: { kind: 'scanned', predictions: [1] } })
  } finally {
    liar.kill('closed')
    await liar.ended
    await rm(folder, { recursive: true })
  }
})
