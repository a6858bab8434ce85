/** Tests videos and audio files as users send them, at the edge and the origin, on every route. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CORPUS } from '../corpus/corpus.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'
import { SENT_AUDIO, SENT_VIDEOS } from './sent-videos.ts'

const SECRET = 'a-secret-for-tests'
const SERVICES = [
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const

/** The most that colour conversion and scaling may differ by, out of 255. */
const TOLERANCE = 5
/** The additional difference of JPEG in small frames. */
const JPEG_TOLERANCE = 10

describe.skipIf(CORPUS === undefined).each(SERVICES)('at %s (skipped without MEDIA_CORPUS)', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open({ MEDIA_PROXY_SECRET_KEY: SECRET, MEDIA_PROXY_NSFW_ENABLED: 'false' })
    for (const { name } of [...SENT_VIDEOS, ...SENT_AUDIO]) {
      const bytes = await readFile(join(CORPUS ?? '', 'wild', name))
      await service.put(`attachments/1/${name}`, bytes)
      await service.put(name, bytes, undefined, 'uploads')
    }
  })
  afterAll(() => service.close())

  async function post(path: string, name: string): Promise<Buffer> {
    const response = await send(service.url, path, {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: name }),
    })
    expect(response.status, service.log.at(-1)?.detail).toBe(200)
    return response.body
  }

  describe.each(SENT_VIDEOS)(
    '$name',
    ({ name, format, mime, size: [width, height], duration, shown, frames }) => {
      it('has its metadata', async () => {
        const metadata = JSON.parse((await post('/_metadata', name)).toString())
        expect(metadata).toMatchObject({ format, content_type: mime, width, height, duration, nsfw: false })
        expect(metadata.placeholder).toBeTypeOf('string')
      })

      it.each(Object.entries(shown))('shows the right frame at "%s"', async (time, quarters) => {
        const moment = time === '' ? '' : `&time=${encodeURIComponent(time)}`
        const response = await send(service.url, `/attachments/1/${name}?format=png${moment}`)
        expect(response.status, service.log.at(-1)?.detail).toBe(200)
        expectQuarters(await quartersOf(response.body), quarters)
      })

      it('has a thumbnail and three frames', async () => {
        const first = shown['']
        if (first !== undefined)
          expectQuarters(await quartersOf(await post('/_thumbnail', name)), first, JPEG_TOLERANCE)
        const answer = JSON.parse((await post('/_frames', name)).toString())
        const times = answer.frames.map(({ timestamp }: { timestamp: number }) =>
          Number(timestamp.toFixed(2)),
        )
        expect(times).toEqual(frames)
      })
    },
  )

  it.each(SENT_AUDIO)('$name has the right audio metadata', async ({ name, format, mime, duration }) => {
    const metadata = JSON.parse((await post('/_metadata', name)).toString())
    expect(metadata).toMatchObject({ format, content_type: mime, duration })
    expect(metadata).not.toHaveProperty('placeholder')
    expect(JSON.parse((await post('/_sniff', name)).toString())).toEqual({ content_type: mime })
  })
})

/** Returns the mean red, green and blue of each quarter. */
async function quartersOf(file: Buffer): Promise<readonly number[]> {
  const { width, height } = await sharp(file).metadata()
  const [halfWidth, halfHeight] = [width >> 1, height >> 1]
  const means: number[] = []
  for (const top of [0, halfHeight]) {
    for (const left of [0, halfWidth]) {
      const region = { left, top, width: halfWidth, height: halfHeight }
      const quarter = await sharp(file).removeAlpha().extract(region).toBuffer()
      means.push(...(await sharp(quarter).stats()).channels.map(({ mean }) => mean))
    }
  }
  return means
}

function expectQuarters(found: readonly number[], quarters: string, tolerance = TOLERANCE): void {
  const wanted = [...Buffer.from(quarters.replaceAll(' ', ''), 'hex')]
  const worst = Math.max(...wanted.map((value, index) => Math.abs(value - (found[index] ?? Number.NaN))))
  expect(worst, `${found.map(Math.round)} instead of ${wanted}`).toBeLessThanOrEqual(tolerance)
}
