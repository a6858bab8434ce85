/** The scan process ends in the middle of its work, and the service continues. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerType, serve } from '@hono/node-server'
import { createClassifier } from '@media-proxy/origin/nsfw/classifier.ts'
import { createOrigin, type Origin } from '@media-proxy/origin/origin.ts'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import { pino } from 'pino'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { ENDS, startFaultyProcess, THROWS } from '../nsfw/faulty-process.ts'
import { expectNothingKept, HAS_PROC, snapshotAtRest } from './counts.ts'

const SECRET = 'internal-secret'
const HARMLESS = 128
/** While this file exists, no process becomes ready. */
const GATE = 'gate'

describe.each([
  ['a scan may fail', 'false'],
  ['a scan may not fail', 'true'],
])('a killed scan process, where %s', (_, failClosed) => {
  let directory = ''
  let classifier: ReturnType<typeof createClassifier>
  let server: ServerType
  let app: Origin
  let url = ''

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
    for (const bucket of ['cdn', 'uploads', 'static']) await mkdir(join(directory, bucket))
    const loaded = loadConfig('origin', {
      environment: {
        MEDIA_PROXY_NODE_ENV: 'test',
        MEDIA_PROXY_STORAGE_DIR: directory,
        MEDIA_PROXY_SECRET_KEY: SECRET,
        MEDIA_PROXY_NSFW_FAIL_CLOSED: failClosed,
      },
    })
    if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
    const log = pino({ level: 'silent' })
    classifier = createClassifier({
      model: 'faulty',
      queue: 64,
      log,
      start: () => startFaultyProcess({ gate: join(directory, GATE) }),
    })
    await classifier.loaded
    app = await createOrigin({ config: loaded.config, log, classifier })
    server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
    await new Promise((resolve) => server.once('listening', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve))
    await app.close()
    await rm(directory, { recursive: true })
  })

  /**
   * Uploads an image of one grey, which selects the behaviour
   * of the process. Each width makes different content.
   */
  async function upload(grey: number, width: number) {
    const background = { r: grey, g: grey, b: grey }
    const png = await sharp({ create: { width, height: 32, channels: 3, background } })
      .png()
      .toBuffer()
    const name = `${grey}-${width}`
    await writeFile(join(directory, 'uploads', name), png)
    const { status, body } = await send(url, '/_metadata', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-internal-secret': SECRET },
      body: JSON.stringify({ type: 'upload', upload_filename: name }),
    })
    return { status, value: status === 200 ? JSON.parse(body.toString()) : body.toString() }
  }

  it.each([
    ['ends', ENDS],
    ['throws', THROWS],
  ])('that %s: /_metadata still works, and scans again', async (_, fault) => {
    expect((await upload(HARMLESS, 20 + fault)).value).toMatchObject({ nsfw: false })
    const before = HAS_PROC ? await snapshotAtRest(process.pid) : undefined
    await writeFile(join(directory, GATE), '')
    const lost = await upload(fault, 33)
    if (failClosed === 'true') {
      expect(lost).toEqual({ status: 503, value: 'Service Unavailable' })
    } else {
      expect(lost).toMatchObject({ status: 200, value: { format: 'png', width: 33, height: 32 } })
      // Nothing is reported about a file that was not scanned.
      expect(lost.value.nsfw_predictions).toEqual({})
    }
    expect((await send(url, '/_ready')).body.toString()).toMatch(/^Not ready: .*model/)
    await rm(join(directory, GATE))
    // Without a process, scans wait for the next one. None of these files was scanned before.
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, index) => upload(HARMLESS, 40 * fault + index)),
    )
    for (const { status, value } of all) {
      expect([status, value.nsfw, value.nsfw_predictions.neutral]).toEqual([200, false, 1])
    }
    expect(classifier.fault).toBeUndefined()
    expect(classifier.waiting).toBe(0)
    if (before !== undefined) await expectNothingKept(process.pid, before)
  })
})
