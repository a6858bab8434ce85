import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createLane } from '../../../concurrency/lane.ts'
import { createFfmpeg } from './ffmpeg.ts'
import { findFfmpeg } from './ffmpeg-binary.ts'

const FFMPEG = findFfmpeg(process.env)
const NEVER = new AbortController().signal

const create = (options: Partial<Parameters<typeof createFfmpeg>[0]> = {}) =>
  createFfmpeg({
    environment: process.env,
    log: pino({ level: 'silent' }),
    lane: createLane({ concurrency: 1, queue: 1 }),
    deadlineMs: 10_000,
    memoryBytes: 2 ** 31,
    ...options,
  })

/** Writes its own standard input to its standard output. */
const copy = (input: string) => ({
  args: ['-f', 'data', '-i', 'pipe:0', '-map', '0', '-c', 'copy', '-f', 'data', 'pipe:1'],
  inputs: [[Buffer.from(input)]],
  outputBytes: input.length,
})

const endless = {
  args: ['-re', '-f', 'lavfi', '-i', 'testsrc2', '-f', 'null', '-'],
  inputs: [],
  outputBytes: 1,
}

describe('the binary', () => {
  it.each(['/no/such/ffmpeg', 'no-such-ffmpeg', '/etc/passwd', '/'])('%s is none', async (path) => {
    const ffmpeg = create({ environment: { FFMPEG_PATH: path, PATH: process.env.PATH } })
    expect(await ffmpeg.abilities).toMatchObject({ code: 'not-ready' })
    expect(await ffmpeg.run(copy('x'), NEVER)).toMatchObject({ code: 'not-ready' })
  })

  it('that is something else is none', async () => {
    const ffmpeg = create({ environment: { FFMPEG_PATH: '/bin/true' } })
    expect(await ffmpeg.abilities).toMatchObject({ code: 'not-ready' })
  })
})

describe.skipIf(FFMPEG === undefined)('a child (skipped without FFmpeg)', () => {
  it('gives what it wrote', async () => {
    const output = await create().run(copy('some bytes'), NEVER)
    expect(isFailure(output) || Buffer.from(output.bytes).toString()).toBe('some bytes')
  })

  it('that writes too little failed', async () => {
    const output = await create().run({ ...copy('some bytes'), outputBytes: 11 }, NEVER)
    expect(output).toMatchObject({ code: 'undecodable' })
  })

  it('that writes more is cut off', async () => {
    const output = await create().run({ ...copy('some bytes'), outputBytes: 4 }, NEVER)
    expect(isFailure(output) || Buffer.from(output.bytes).toString()).toBe('some')
  })

  it('ends at its deadline', async () => {
    expect(await create({ deadlineMs: 300 }).run(endless, NEVER)).toEqual({ ok: false, code: 'deadline' })
  })

  it('ends with its request', async () => {
    const controller = new AbortController()
    const running = create().run(endless, controller.signal)
    setImmediate(() => controller.abort())
    expect(await running).toEqual({ ok: false, code: 'client-gone' })
  })

  it('does not start for a request that is gone', async () => {
    expect(await create().run(endless, AbortSignal.abort())).toEqual({ ok: false, code: 'client-gone' })
  })

  it('waits for its place, and is refused where too many wait', async () => {
    const controller = new AbortController()
    const ffmpeg = create()
    await ffmpeg.abilities
    const running = ffmpeg.run(endless, controller.signal)
    const waiting = ffmpeg.run(copy('later'), NEVER)
    await new Promise(setImmediate)
    expect(await ffmpeg.run(copy('too much'), NEVER)).toMatchObject({ code: 'overloaded' })
    controller.abort()
    expect(await running).toEqual({ ok: false, code: 'client-gone' })
    expect(await waiting).toMatchObject({ bytes: Buffer.from('later') })
  })

  it.skipIf(process.platform !== 'linux')(
    'cannot take more memory than it is given (Linux only)',
    async () => {
      const large = {
        args: ['-f', 'lavfi', '-i', 'color=s=8192x8192', '-frames:v', '1', '-f', 'rawvideo', 'pipe:1'],
        inputs: [],
        outputBytes: 1024,
      }
      expect(isFailure(await create({ memoryBytes: 2 ** 31 }).run(large, NEVER))).toBe(false)
      expect(await create({ memoryBytes: 2 ** 29 }).run(large, NEVER)).toMatchObject({
        code: 'undecodable',
      })
    },
  )

  it.each(['http://127.0.0.1:9/', 'file:/etc/passwd', 'concat:/etc/passwd'])('opens no %s', async (url) => {
    const output = await create().run(
      {
        args: ['-protocol_whitelist', 'pipe', '-f', 'h264', '-i', url, '-f', 'null', '-'],
        inputs: [],
        outputBytes: 1,
      },
      NEVER,
    )
    expect(output).toMatchObject({
      code: 'undecodable',
      detail: expect.stringMatching(/whitelist|Invalid/),
    })
  })

  it('sees nothing of the environment', async () => {
    const report = {
      ...process.env,
      FFREPORT: 'file=/tmp/must-not-be-written.log',
      MEDIA_PROXY_SECRET_KEY: 'x',
    }
    const output = await create({ environment: report }).run(copy('quiet'), NEVER)
    expect(isFailure(output) || (await output.messages)).toBe('')
  })
})
