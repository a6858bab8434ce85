import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startEngineProcess } from './engine-process.ts'
import type { Job } from './jobs.ts'
import { MESSAGE } from './protocol.ts'

const SANDBOX = {
  jobMemoryBytes: 2 ** 30,
  fileBytes: 0,
  niceness: 0,
  isolation: { network: 'shared', command: [] },
} as const

it.skipIf(!existsSync('/proc/self/stat'))(
  'the CPU time of a killed process is reported with its end (needs /proc)',
  async () => {
    const endless = startEngineProcess({
      args: ['-e', 'for (;;);'],
      sandbox: SANDBOX,
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

it('a job is not charged for the start of its process, nor for work between two jobs', async () => {
  const message = (kind: number, value: unknown) => {
    const text = JSON.stringify(value)
    const head = Buffer.alloc(12)
    head.writeUInt32LE(kind, 0)
    head.writeUInt32LE(text.length, 4)
    return Buffer.concat([head, Buffer.from(text)]).toString('base64')
  }
  const done = (cpuSeconds: number, restCpuSeconds: number) =>
    message(MESSAGE.done, { cpuSeconds, restCpuSeconds, result: { kind: 'scanned', predictions: [1] } })
  const engineProcess = startEngineProcess({
    args: [
      '-e',
      `const fs = require('node:fs')
      const say = (text) => fs.writeSync(3, Buffer.from(text, 'base64'))
      const read = (bytes) => { for (;;) try { return fs.readSync(3, bytes) } catch { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10) } }
      say('${message(MESSAGE.ready, { renderer: '', libav: null, cpuSeconds: 5 })}')
      for (const answer of ['${done(5.25, 0)}', '${done(6, 0.5)}']) {
        read(Buffer.alloc(1000))
        say(answer)
      }
      read(Buffer.alloc(1000))`,
    ],
    sandbox: SANDBOX,
  })
  try {
    await engineProcess.ready
    const used = async () => {
      const ended = await engineProcess.run({ kind: 'scan' }, { body: new Uint8Array() })
      return 'usedCpuSeconds' in ended ? ended.usedCpuSeconds : ended
    }
    expect(await used()).toBe(0.25)
    expect(await used()).toBe(0.25)
  } finally {
    engineProcess.kill('closed')
    await engineProcess.ended
  }
})

it('a job is not finished before all of its source is read, whatever its process reports', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
  const [said, mayRead] = [join(folder, 'said'), join(folder, 'may-read')]
  const result = JSON.stringify({
    cpuSeconds: 0,
    restCpuSeconds: 0,
    result: { kind: 'scanned', predictions: [1] },
  })
  // Answers after the first bytes of its job, and reads the rest later.
  const faultyProcess = startEngineProcess({
    args: [
      '-e',
      `const fs = require('node:fs')
      const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
      const read = (bytes) => { for (;;) try { return fs.readSync(3, bytes) } catch { wait() } }
      read(Buffer.alloc(12))
      const head = Buffer.alloc(12)
      head.writeUInt32LE(${MESSAGE.done}, 0)
      head.writeUInt32LE(${result.length}, 4)
      fs.writeSync(3, Buffer.concat([head, Buffer.from(${JSON.stringify(result)})]))
      fs.writeFileSync(${JSON.stringify(said)}, '')
      while (!fs.existsSync(${JSON.stringify(mayRead)})) wait()
      while (read(Buffer.alloc(1_000_000)) > 0);`,
    ],
    sandbox: { ...SANDBOX, fileBytes: 1024 },
  })
  try {
    let over = false
    const job = faultyProcess.run({ kind: 'scan' }, { body: new Uint8Array(20_000_000) })
    void job.then(() => {
      over = true
    })
    await expect.poll(() => existsSync(said), { timeout: 20_000 }).toBe(true)
    await pause(100)
    expect(over).toBe(false)
    await writeFile(mayRead, '')
    expect(await job).toMatchObject({ result: { kind: 'scanned', predictions: [1] } })
  } finally {
    faultyProcess.kill('closed')
    await faultyProcess.ended
    await rm(folder, { recursive: true })
  }
})

it.each([
  ['two ranges at once', { start: 0, end: 10 }, 2],
  ['too large a range', { start: 0, end: 33 * 1024 * 1024 }, 1],
])('a process that requests %s is killed', async (_, range, times) => {
  const text = JSON.stringify(range)
  const greedy = startEngineProcess({
    args: [
      '-e',
      `const fs = require('node:fs')
      const read = (bytes) => { for (;;) try { return fs.readSync(3, bytes) } catch { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10) } }
      read(Buffer.alloc(12))
      const head = Buffer.alloc(12)
      head.writeUInt32LE(${MESSAGE.read}, 0)
      head.writeUInt32LE(${text.length}, 4)
      const asked = Buffer.concat([head, Buffer.from('${text}')])
      for (let time = 0; time < ${times}; time += 1) fs.writeSync(3, asked)
      for (;;) read(Buffer.alloc(1_000_000))`,
    ],
    sandbox: SANDBOX,
  })
  const source = { id: 1, shared: false, format: 'mp4', sizeBytes: 2 ** 30, location: 'store' }
  const job = { kind: 'frames', source, limits: {}, allowance: { memoryBytes: 0, cpuSeconds: 0 } }
  const never = new Promise<Uint8Array>(() => undefined)
  const ended = await greedy.run(job as Job, { body: new Uint8Array(), read: () => never })
  expect(ended).toMatchObject({ cause: { kind: 'crashed', detail: expect.stringContaining('range') } })
})

it('the end of a process that is killed while it becomes ready can be waited for', () => {
  const ready = JSON.stringify({ renderer: '', libav: null, cpuSeconds: 0 })
  const engine = `const fs = require('node:fs')
    const head = Buffer.alloc(12)
    head.writeUInt32LE(${MESSAGE.ready}, 0)
    head.writeUInt32LE(${ready.length}, 4)
    fs.writeSync(3, Buffer.concat([head, Buffer.from('${ready}')]))
    setInterval(() => undefined, 1000)`
  const script = `
    import { startEngineProcess } from '${new URL('engine-process.ts', import.meta.url)}'
    const wait = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    const started = startEngineProcess({ args: ['-e', ${JSON.stringify(engine)}], sandbox: ${JSON.stringify(SANDBOX)} })
    // While this thread waits, the process becomes ready.
    wait(1000)
    started.kill('closed')
    console.log((await started.ended).cause.reason)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  expect([stdout, stderr]).toEqual(['closed\n', ''])
})

it.skipIf(process.platform === 'win32')(
  'a process that cannot start because descriptors are exhausted has ended, with the reason',
  () => {
    const script = `
      import { openSync } from 'node:fs'
      import { startEngineProcess } from '${new URL('engine-process.ts', import.meta.url)}'
      for (;;) try { openSync('/dev/null') } catch { break }
      const started = startEngineProcess({ args: ['-e', ''], sandbox: ${JSON.stringify(SANDBOX)} })
      const ended = await started.ended
      console.log(JSON.stringify([await started.ready, ended.cause, started.alive]))`
    const node = [process.execPath, '--input-type=module', '-e', script]
    const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...node], {
      encoding: 'utf8',
    })
    expect([stdout, stderr]).toEqual([
      expect.stringMatching(/^\[null,\{"kind":"crashed","detail":"spawn .*EMFILE"\},false\]\n$/),
      '',
    ])
  },
)
