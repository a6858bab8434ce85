import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { meanDifference } from '../pixels.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { CORPUS, corpusFiles, readCorpus } from './corpus.ts'

const IMAGES = ['photos', 'orientation', 'colour', 'animated', 'vector'].flatMap(corpusFiles)
const HOSTILE = corpusFiles('hostile')

/** Files that their header alone rejects, on every route and immediately. */
const TOO_LARGE = [
  'hostile/png-41-bytes-1280-mib.png',
  'hostile/17000x17000.avif',
  'hostile/lottapixel.jpg',
  'hostile/65536-wide.png',
]

describe.skipIf(CORPUS === undefined)(`the corpus: ${IMAGES.length + HOSTILE.length} files`, () => {
  let service: Service

  beforeAll(async () => {
    service = await openFilesystemOrigin()
    for (const file of [...IMAGES, ...HOSTILE]) {
      await service.put(`attachments/${file}`, readCorpus(file))
      await service.put(`avatars/1/${assetName(file)}`, readCorpus(file))
      await service.put(`stickers/${assetName(file)}`, readCorpus(file))
    }
  })
  afterAll(() => service.close())

  it.each(IMAGES)('%s becomes a small image in every format', async (file) => {
    for (const format of ['webp', 'avif', 'jpeg', 'png', 'gif']) {
      const answer = await send(
        service.url,
        `/attachments/${file}?width=64&height=64&fit=inside&format=${format}`,
      )
      expect([answer.status, answer.headers['content-type']]).toEqual([200, `image/${format}`])
      const { width, height } = await sharp(answer.body).metadata()
      expect(Math.max(width, height)).toBeLessThanOrEqual(64)
    }
  })

  it.each(corpusFiles('orientation'))('%s is shown upright', async (file) => {
    const { body } = await send(service.url, `/attachments/${file}?width=120&format=png`)
    const upright = await sharp(readCorpus(file)).autoOrient().resize(120).raw().toBuffer()
    const ours = await sharp(body).removeAlpha().raw().toBuffer()
    expect(ours.length).toBe(upright.length)
    expect(meanDifference(ours, upright)).toBeLessThan(3)
  })

  it.each(TOO_LARGE)('%s is rejected by its header', async (file) => {
    const before = process.memoryUsage().rss
    for (const path of [
      `/attachments/${file}?width=64`,
      `/attachments/${file}?format=webp`,
      `/avatars/1/${assetName(file)}.webp`,
      `/stickers/${assetName(file)}.png`,
    ]) {
      const { status, body } = await send(service.url, path)
      expect([status, body.toString()]).toEqual([400, 'Image dimensions too large'])
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })

  it.each(HOSTILE)('%s is rendered or rejected, and the service keeps running', async (file) => {
    for (const path of [
      `/attachments/${file}`,
      `/attachments/${file}?width=64&format=webp`,
      `/attachments/${file}?width=64&format=webp&animated=true`,
      `/avatars/1/a_${assetName(file)}.gif?size=64`,
    ]) {
      const { status, body } = await send(service.url, path)
      expect([200, 400, 500]).toContain(status)
      expect(body.toString('latin1')).not.toMatch(/root:x:/)
    }
    expect((await send(service.url, '/_health')).status).toBe(200)
  })
})

function assetName(file: string): string {
  return file.replace(/[^A-Za-z0-9]/g, '_')
}
