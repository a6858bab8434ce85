import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type JobInput, startEngineProcess } from './engine-process.ts'
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
  const done = (cpuSeconds: number, idleCpuSeconds: number) =>
    message(MESSAGE.done, { cpuSeconds, idleCpuSeconds, result: { kind: 'scanned', predictions: [1] } })
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

/** The start of a script that reads from its socket, and sends messages without a body. */
const TALKING = `const fs = require('node:fs')
  const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  const read = (bytes) => { for (;;) try { return fs.readSync(3, bytes) } catch { wait() } }
  const say = (kind, value) => {
    const text = JSON.stringify(value)
    const head = Buffer.alloc(12)
    head.writeUInt32LE(kind, 0)
    head.writeUInt32LE(text.length, 4)
    fs.writeSync(3, Buffer.concat([head, Buffer.from(text)]))
  }`

const NO_COST = { memoryBytes: 0, cpuSeconds: 0 }
/** More than the system buffers. */
const LARGE = new Uint8Array(20_000_000)

/** Describes a job whose process requests its source, which is in the memory of the server. */
function rangedJob(sizeBytes: number): Job {
  const source = { id: 1, shared: false, format: 'mp4', sizeBytes, location: 'memory' }
  return { kind: 'frames', source, limits: {}, allowance: NO_COST } as unknown as Job
}

it.each<[string, Job, JobInput, object, readonly object[]]>([
  ['sent with it', { kind: 'scan' }, { body: LARGE }, { kind: 'scanned', predictions: [1] }, []],
  [
    'requested by its process',
    rangedJob(LARGE.length),
    { body: new Uint8Array(), read: () => Promise.resolve(LARGE) },
    { kind: 'frames', frames: [] },
    [{ start: 0, end: LARGE.length }],
  ],
])(
  'a job is not finished before all of its source that was %s is read',
  async (_, job, input, result, ranges) => {
    const folder = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
    const mayRead = join(folder, 'may-read')
    // Answers after the first bytes of its source, and reads the rest later.
    const faultyProcess = startEngineProcess({
      args: [
        '-e',
        `${TALKING}
      const job = Buffer.alloc(12)
      read(job)
      read(Buffer.alloc(job.readUInt32LE(4)))
      for (const range of ${JSON.stringify(ranges)}) {
        say(${MESSAGE.read}, range)
        read(Buffer.alloc(12))
      }
      say(${MESSAGE.done}, ${JSON.stringify({ cpuSeconds: 0, idleCpuSeconds: 0, result })})
      // The server handles this message after the result.
      say(${MESSAGE.ready}, { renderer: '', libav: null, cpuSeconds: 0 })
      while (!fs.existsSync(${JSON.stringify(mayRead)})) wait()
      while (read(Buffer.alloc(1_000_000)) > 0);`,
      ],
      sandbox: { ...SANDBOX, fileBytes: 1024 },
    })
    try {
      let over = false
      const ended = faultyProcess.run(job, input)
      void ended.then(() => {
        over = true
      })
      await faultyProcess.ready
      await setImmediate()
      expect(over).toBe(false)
      await writeFile(mayRead, '')
      expect(await ended).toMatchObject({ result })
    } finally {
      faultyProcess.kill('closed')
      await faultyProcess.ended
      await rm(folder, { recursive: true })
    }
  },
)

it.each([true, false])(
  'the memory of a range is freed once it is sent, if nothing else uses it: %s',
  async (freesRanges) => {
    const talking = startEngineProcess({
      args: [
        '-e',
        `${TALKING}
      const fill = (bytes) => { for (let at = 0; at < bytes.length; ) at += read(bytes.subarray(at)) }
      const receive = () => {
        const head = Buffer.alloc(12)
        read(head)
        fill(Buffer.alloc(head.readUInt32LE(4) + head.readUInt32LE(8)))
      }
      say(${MESSAGE.ready}, { renderer: '', libav: null, cpuSeconds: 0 })
      receive()
      say(${MESSAGE.read}, { start: 0, end: 1000 })
      receive()
      say(${MESSAGE.done}, { cpuSeconds: 0, idleCpuSeconds: 0, result: { kind: 'frames', frames: [] } })
      receive()`,
      ],
      sandbox: { ...SANDBOX, fileBytes: 1024 },
    })
    try {
      const range = new Uint8Array(1000)
      const input = { body: new Uint8Array(), read: () => Promise.resolve(range), freesRanges }
      expect(await talking.run(rangedJob(1000), input)).toMatchObject({ result: { kind: 'frames' } })
      expect(range).toHaveLength(freesRanges ? 0 : 1000)
    } finally {
      talking.kill('closed')
      await talking.ended
    }
  },
)

it.each<[string, { readonly start: number; readonly end: number }, number, JobInput['read']]>([
  ['requests two ranges at once', { start: 0, end: 10 }, 2, () => new Promise(() => undefined)],
  ['requests too large a range', { start: 0, end: 33 * 1024 * 1024 }, 1, () => Promise.resolve(LARGE)],
  ['requests ranges without reading them', { start: 0, end: LARGE.length }, 3, () => Promise.resolve(LARGE)],
])('a process that %s is killed', async (_, range, times, read = () => Promise.resolve(LARGE)) => {
  const greedy = startEngineProcess({
    args: [
      '-e',
      `${TALKING}
      read(Buffer.alloc(12))
      for (let time = 0; time < ${times}; time += 1) {
        say(${MESSAGE.read}, ${JSON.stringify(range)})
        wait()
      }
      setInterval(() => undefined, 1000)`,
    ],
    sandbox: SANDBOX,
  })
  const ended = await greedy.run(rangedJob(2 ** 30), { body: new Uint8Array(), read })
  expect(ended).toMatchObject({ cause: { kind: 'crashed', detail: expect.stringContaining('range') } })
})

it('a process that reports a result while it waits for a range is killed', async () => {
  const hasty = startEngineProcess({
    args: [
      '-e',
      `${TALKING}
      read(Buffer.alloc(12))
      say(${MESSAGE.read}, { start: 0, end: 10 })
      say(${MESSAGE.done}, ${JSON.stringify({ cpuSeconds: 0, idleCpuSeconds: 0, result: { kind: 'frames', frames: [] } })})
      setInterval(() => undefined, 1000)`,
    ],
    sandbox: SANDBOX,
  })
  const never = new Promise<Uint8Array>(() => undefined)
  const ended = await hasty.run(rangedJob(10), { body: new Uint8Array(), read: () => never })
  expect(ended).toMatchObject({ cause: { kind: 'crashed', detail: 'a result while it waits for a range' } })
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
