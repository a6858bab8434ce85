import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import type { Source } from '../source/bytes/source.ts'
import { createPipeline, type PipelineOptions } from './pipeline.ts'
import type { RenditionRequest } from './spec.ts'

function requestOf(path: string): RenditionRequest {
  const parsed = parseRequest(new URL(path, 'http://media.invalid'), { accept: null, assets: false })
  if (isFailure(parsed) || (parsed.kind !== 'asset' && parsed.kind !== 'attachment')) throw new Error(path)
  if (parsed.kind === 'asset') return parsed
  const { transformation } = parsed
  if (transformation === undefined) throw new Error(`${path} is not transformed`)
  return { ...parsed, transformation }
}

/** A pipeline whose sources are open once `opened` resolves, and whose engine renders nothing. */
function open() {
  const asked: [kind: string, underWay: number][] = []
  const opened = Promise.withResolvers<Source>()
  // The pipeline uses only these options while it reads sources.
  const pipeline = createPipeline({
    cache: { get: () => undefined, set: () => undefined, delete: () => undefined },
    sources: { open: () => ({ value: opened.promise, leader: true, release: () => undefined }) },
    engine: {
      rejection: (kind: string, underWay: number) => void asked.push([kind, underWay]),
      render: async () => fail('not-found'),
    },
    policy: { mode: 'header', version: '', check: async () => undefined },
    rendererVersion: Promise.resolve('1'),
    stored: undefined,
    deadlineMs: 60_000,
    clipDeadlineMs: 60_000,
  } as unknown as PipelineOptions)
  const render = (path: string) =>
    pipeline.render(requestOf(path), new Headers(), new AbortController().signal)
  return { asked, opened, render }
}

it('counts the reads of a kind of media for its lane alone', async () => {
  const { asked, opened, render } = open()
  const renders: Promise<unknown>[] = []
  for (const path of [
    '/avatars/1/a.webp?size=16',
    '/avatars/1/b.webp?size=16',
    '/attachments/1/2/c.mov?format=mp4',
    '/avatars/1/d.webp?size=16',
    '/attachments/1/2/e.mov?width=64&format=webp',
    '/attachments/1/2/f.mov?format=mp4',
  ]) {
    renders.push(render(path))
    await new Promise(setImmediate)
  }
  opened.resolve({
    key: 'a',
    info: { etag: '"1"', lastModified: undefined },
    bytes: new Uint8Array(),
  } as Source)
  await Promise.all(renders)
  await render('/avatars/1/g.webp?size=16')
  expect(asked).toEqual([
    ['image', 0],
    ['image', 1],
    ['clip', 0],
    ['image', 2],
    ['video', 0],
    ['clip', 1],
    ['image', 0],
  ])
})
