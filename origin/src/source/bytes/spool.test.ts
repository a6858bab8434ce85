import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { spool } from './spool.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spool-test-'))
  vi.stubEnv('TMPDIR', folder)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

const bodyOf = (text: string, onEnd: () => void = () => undefined) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text))
    },
    pull(controller) {
      onEnd()
      controller.close()
    },
  })

it('keeps a file until its source is closed', async () => {
  const source = new AbortController()
  const spooled = await spool({
    body: bodyOf('some bytes'),
    sizeBytes: 10,
    maxBytes: 100,
    signal: source.signal,
  })
  if (isFailure(spooled)) throw new Error(spooled.code)
  expect(await readdir(folder)).toHaveLength(1)
  expect(new TextDecoder().decode((await spooled.parts.read(5, 10)) as Uint8Array)).toBe('bytes')
  source.abort()
  await expect.poll(() => readdir(folder)).toEqual([])
})

it('leaves nothing when its source is closed while the last byte arrives', async () => {
  const source = new AbortController()
  const body = bodyOf('some bytes', () => queueMicrotask(() => source.abort()))
  const spooled = await spool({ body, sizeBytes: 10, maxBytes: 100, signal: source.signal })
  expect(spooled).toMatchObject({ code: 'client-gone' })
  expect(await readdir(folder)).toEqual([])
})

it('fails when its file became shorter', async () => {
  const source = new AbortController()
  const spooled = await spool({
    body: bodyOf('x'.repeat(100_000)),
    sizeBytes: undefined,
    maxBytes: 1e6,
    signal: source.signal,
  })
  if (isFailure(spooled)) throw new Error(spooled.code)
  const [name = ''] = await readdir(folder)
  await rm(join(folder, name, 'body'))
  await writeFile(join(folder, name, 'body'), 'short')
  expect(await spooled.parts.read(60_000, 60_010)).toMatchObject({ code: 'defect' })
  source.abort()
})
