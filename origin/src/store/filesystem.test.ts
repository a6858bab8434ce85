import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
