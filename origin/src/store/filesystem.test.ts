import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { GetOptions } from '@media-proxy/shared/store/store.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peek } from '../streams/peek.ts'
import { createFilesystemStore } from './filesystem.ts'

describe('the filesystem store', () => {
  let directory: string
  const store = () => createFilesystemStore(directory)

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-store-'))
    await mkdir(join(directory, 'cdn/folder'), { recursive: true })
    await mkdir(join(directory, 'cdn-other'))
    await writeFile(join(directory, 'cdn/folder/a.png'), '0123456789')
    await writeFile(join(directory, 'cdn-other/secret'), 'secret')
    await writeFile(join(directory, 'outside'), 'secret')
    await symlink(join(directory, 'outside'), join(directory, 'cdn/link-out'))
    await symlink(join(directory, 'cdn-other'), join(directory, 'cdn/link-to-sibling'))
    await symlink('folder/a.png', join(directory, 'cdn/link-in'))
    await symlink('loop', join(directory, 'cdn/loop'))
    execFileSync('mkfifo', [join(directory, 'cdn/pipe')])
  })
  afterAll(() => rm(directory, { recursive: true }))

  const read = async (key: string, range?: { start: number; end: number }) => {
    const object = await store().get('cdn', key, range === undefined ? {} : { range })
    if (isFailure(object)) return object.code
    return new Response(object.body).text()
  }

  it('reads whole files and ranges', async () => {
    expect(await read('folder/a.png')).toBe('0123456789')
    expect(await read('folder/a.png', { start: 2, end: 4 })).toBe('234')
    expect(await read('folder/a.png', { start: 8, end: 99 })).toBe('89')
    expect(await read('folder/a.png', { start: 10, end: 10 })).toBe('range-not-satisfiable')
    expect(await store().head('cdn', 'folder/a.png')).toMatchObject({
      sizeBytes: 10,
      contentType: 'image/png',
      etag: expect.stringMatching(/^"[^"]+"$/),
    })
  })

  it('follows links inside a bucket, but not out of it', async () => {
    expect(await read('link-in')).toBe('0123456789')
    for (const key of ['link-out', 'link-to-sibling/secret', 'loop'])
      expect(await read(key)).toBe('not-found')
  })

  it('contains only regular files', async () => {
    for (const key of ['folder', 'pipe', 'none', 'folder/a.png/b', 'x'.repeat(300)]) {
      expect(await read(key)).toBe('not-found')
    }
  })

  it('fails when a large file is overwritten in place while it is read', async () => {
    const path = join(directory, 'cdn/overwritten')
    await writeFile(path, Buffer.alloc(4_000_000, 1))
    const object = await store().get('cdn', 'overwritten')
    if (isFailure(object)) throw new Error(object.code)
    const reader = object.body.getReader()
    await reader.read()
    await writeFile(path, Buffer.alloc(4_000_000, 2))
    // The clock of the file system advances in steps of some milliseconds.
    await utimes(path, 1, 1)
    const drain = async () => {
      while (!(await reader.read()).done);
    }
    await expect(drain()).rejects.toMatchObject({ failure: { code: 'store-unreachable' } })
  })

  describe('the body of a large file', () => {
    const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251))
    beforeAll(() => writeFile(join(directory, 'cdn/large'), content))

    async function open(options: GetOptions = {}) {
      const object = await store().get('cdn', 'large', options)
      if (isFailure(object)) throw new Error(object.code)
      return object.body
    }

    async function chunksOf(options?: GetOptions) {
      const chunks: Uint8Array[] = []
      for await (const chunk of await open(options)) chunks.push(chunk)
      return chunks
    }

    const openDescriptors = () =>
      readdirSync('/proc/self/fd').filter((name) => {
        try {
          return readlinkSync(`/proc/self/fd/${name}`) === join(directory, 'cdn/large')
        } catch {
          return false
        }
      }).length

    it('is the file or the range, in chunks of 64 KiB', async () => {
      const chunks = await chunksOf()
      expect(new Set(chunks.map(({ length }) => length))).toEqual(new Set([65_536, 3_000_000 % 65_536]))
      expect(Buffer.concat(chunks).equals(content)).toBe(true)
      const part = await chunksOf({ range: { start: 5, end: 2_000_004 } })
      expect(Buffer.concat(part).equals(content.subarray(5, 2_000_005))).toBe(true)
    })

    it('fills memory that its reader provides, after chunks of its own', async () => {
      const { head, rest } = await peek(await open(), 10)
      const reader = rest.getReader({ mode: 'byob' })
      const { value } = await reader.read(new Uint8Array(5_000_000))
      expect(head.length).toBe(65_536)
      expect(value?.buffer.byteLength).toBe(5_000_000)
      expect(Buffer.concat([head, value ?? head]).equals(content)).toBe(true)
      expect(await reader.read(new Uint8Array(1))).toMatchObject({ done: true })
      expect(openDescriptors()).toBe(0)
    })

    it('ends early, and does not fill the memory, when the file has become shorter', async () => {
      const path = join(directory, 'cdn/shortened')
      await writeFile(path, content)
      const object = await store().get('cdn', 'shortened')
      if (isFailure(object)) throw new Error(object.code)
      await truncate(path, 2_000_000)
      const reader = object.body.getReader({ mode: 'byob' })
      const { value } = await reader.read(new Uint8Array(3_000_000))
      expect(value?.length).toBe(2_000_000)
      await expect(reader.read(new Uint8Array(1))).rejects.toBeInstanceOf(BodyError)
    })

    it.skipIf(!existsSync('/proc/self/fd'))(
      'closes the file at its end, and when it is cancelled or aborted',
      async () => {
        await chunksOf()
        expect(openDescriptors()).toBe(0)
        const cancelled = (await open()).getReader()
        await cancelled.read()
        expect(openDescriptors()).toBe(1)
        await cancelled.cancel()
        expect(openDescriptors()).toBe(0)
        await (await open()).cancel()
        expect(openDescriptors()).toBe(0)
        const controller = new AbortController()
        const filling = new AbortController()
        const aborted = (await open({ signal: controller.signal })).getReader()
        await aborted.read()
        const unread = await open({ signal: controller.signal })
        const reading = aborted.read()
        controller.abort(new Error('gone'))
        await expect(reading).rejects.toThrow('gone')
        await expect(unread.getReader().read()).rejects.toThrow('gone')
        const filled = (await open({ signal: filling.signal })).getReader({ mode: 'byob' })
        const filledRead = filled.read(new Uint8Array(3_000_000))
        filling.abort(new Error('gone'))
        await expect(filledRead).rejects.toThrow('gone')
        const late = await open({ signal: controller.signal })
        await expect(late.getReader().read()).rejects.toThrow('gone')
        await expect.poll(openDescriptors).toBe(0)
      },
    )
  })

  it('has another ETag when the content changes', async () => {
    const path = join(directory, 'cdn/changing')
    await writeFile(path, 'one')
    const before = await store().head('cdn', 'changing')
    await writeFile(path, 'two')
    const after = await store().head('cdn', 'changing')
    expect(isFailure(before) || isFailure(after) || before.etag === after.etag).toBe(false)
  })

  const upload = (key: string) =>
    store().upload('cdn', key, { body: new Blob(['abc']).stream(), sizeBytes: 3 })

  it('accepts names as long as the system does', async () => {
    const longest = `new/${'é'.repeat(127)}a`
    expect(await upload(longest)).toMatchObject({ etag: expect.any(String) })
    expect(await read(longest)).toBe('abc')
    expect(await store().put('cdn', longest, Buffer.from('def'))).toBeUndefined()
    expect(await read(longest)).toBe('def')
  })

  it.each([
    ['a name that is too long', `new/${'a'.repeat(256)}`],
    ['below a file', 'folder/a.png/b'],
    ['in the place of a folder', 'folder'],
    ['by a link out of the bucket', 'link-to-sibling/b'],
    ['to a new folder by a link out of the bucket', 'link-to-sibling/new/folder/b'],
  ])('rejects a write (%s), and leaves nothing behind', async (_, key) => {
    const before = await readdir(directory, { recursive: true })
    expect(isFailure(await upload(key))).toBe(true)
    expect(isFailure(await store().put('cdn', key, Buffer.from('abc')))).toBe(true)
    expect(await readdir(directory, { recursive: true })).toEqual(before)
  })

  it('reports a missing bucket', async () => {
    expect(await store().check('cdn')).toBeUndefined()
    expect(await store().check('nowhere')).toMatchObject({ code: 'store-misconfigured' })
  })
})
