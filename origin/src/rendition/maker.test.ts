import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import { FULL_SIZE } from '../engine/render-options.ts'
import type { ScanVerdict } from '../nsfw/serve-policy.ts'
import type { Source } from '../source/bytes/source.ts'
import { createMaker, type MakerOptions } from './maker.ts'
import type { RenditionSpec } from './spec.ts'

const source = {
  key: 'attachments/1/a.png',
  info: { etag: '"source"', lastModified: undefined },
  bytes: new Uint8Array(1),
} as Source

// The maker uses only these fields of a spec.
const spec = {
  location: { keys: [source.key] },
  sourceName: source.key,
  moderated: true,
  undecodableIs: 'undecodable',
  options: { geometry: FULL_SIZE, format: 'png', imagesOnly: false },
} as unknown as RenditionSpec

async function made(scanVerdict: ScanVerdict) {
  // The maker uses only these options to make a still image.
  const maker = createMaker({
    sources: { open: () => ({ value: Promise.resolve(source), leader: true, release: () => undefined }) },
    engine: { render: async () => ({ format: 'png', bytes: new Uint8Array(3) }) },
    policy: { mode: 'header', version: '', check: async () => scanVerdict },
    rendererVersion: Promise.resolve('1'),
    deadlineMs: 1000,
    clipDeadlineMs: 1000,
  } as unknown as MakerOptions)
  const rendition = await maker.make('/url', spec, { kept: undefined, signal: new AbortController().signal })
  if (isFailure(rendition)) throw new Error(rendition.code)
  return rendition
}

it('a rendition that could not be scanned has a different ETag, and a short lifetime', async () => {
  const [unscanned, seen] = [await made('unscanned'), await made(undefined)]
  expect([unscanned.unscanned, unscanned.lifetimeSeconds, seen.unscanned, seen.lifetimeSeconds]).toEqual([
    true,
    60,
    undefined,
    undefined,
  ])
  expect(unscanned.etag).not.toBe(seen.etag)
  expect((await made({ nsfw: false, probability: 0.1 } as ScanVerdict)).etag).toBe(seen.etag)
})
