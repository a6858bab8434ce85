import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { type FfmpegBinary, inspectFfmpeg } from '../../ffmpeg-binary.ts'
import { createFfmpeg } from './ffmpeg.ts'

const found = await inspectFfmpeg(process.env)
const binary: FfmpegBinary | undefined = 'fault' in found ? undefined : found

function create(memoryBytes = 2 ** 31) {
  if (binary === undefined) throw new Error('no FFmpeg')
  return createFfmpeg({ binary, memoryBytes })
}

/** Copies its standard input to its standard output. */
const copy = (input: string) => ({
  args: ['-f', 'data', '-i', 'pipe:0', '-map', '0', '-c', 'copy', '-f', 'data', 'pipe:1'],
  inputs: [[Buffer.from(input)]],
  outputBytes: input.length,
})

describe('the FFmpeg binary', () => {
  it.each(['/no/such/ffmpeg', 'no-such-ffmpeg', '/etc/passwd', '/', '/bin/true'])(
    'cannot be %s',
    async (path) => {
      expect(await inspectFfmpeg({ FFMPEG_PATH: path, PATH: process.env.PATH })).toMatchObject({
        fault: expect.any(String),
      })
    },
  )
})

describe.skipIf(binary === undefined)('an FFmpeg child process (skipped without FFmpeg)', () => {
  it('returns what it wrote', async () => {
    const output = await create().run(copy('some bytes'))
    expect(isFailure(output) || Buffer.from(output.bytes).toString()).toBe('some bytes')
  })

  it('fails when it writes too little', async () => {
    const output = await create().run({ ...copy('some bytes'), outputBytes: 11 })
    expect(output).toMatchObject({ code: 'undecodable' })
  })

  it('is cut off when it writes more', async () => {
    const output = await create().run({ ...copy('some bytes'), outputBytes: 4 })
    expect(isFailure(output) || Buffer.from(output.bytes).toString()).toBe('some')
  })

  it('may end without reading its input', async () => {
    const args = ['-f', 'lavfi', '-i', 'color=black:s=16x16:d=0.04', '-f', 'rawvideo', 'pipe:1']
    const output = await create().run({ args, inputs: [[Buffer.alloc(8 * 2 ** 20)]], outputBytes: 4 })
    expect(isFailure(output)).toBe(false)
  })

  it('gets no more address space than its limit', async () => {
    const output = await create(16 * 2 ** 20).run(copy('some bytes'))
    expect(isFailure(output)).toBe(true)
  })
})
