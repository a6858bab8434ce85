/** Renders the cases with the service itself: the whole origin, with its engine processes, on a folder. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOrigin } from '@media-proxy/origin/origin.ts'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import { pino } from 'pino'
import { scaleTimeout } from '../timeouts.ts'
import type { GoldenCase } from './cases.ts'
import { SOURCES } from './sources.ts'

export interface GoldenRenderer {
  /** Renders a case. Throws when the response is no image. */
  render(wanted: GoldenCase): Promise<Buffer>
  close(): Promise<void>
}

/** Starts an origin with the sources of the cases. The caller closes it. */
export async function openRenderer(): Promise<GoldenRenderer> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-goldens-'))
  const attachments = join(directory, 'cdn/attachments/1')
  for (const folder of [attachments, join(directory, 'uploads'), join(directory, 'static')])
    await mkdir(folder, { recursive: true })
  await Promise.all(
    Object.entries(SOURCES).map(async ([name, make]) => writeFile(join(attachments, name), await make())),
  )
  const environment = {
    MEDIA_PROXY_NODE_ENV: 'test',
    MEDIA_PROXY_STORAGE_DIR: directory,
    MEDIA_PROXY_LIMITS_DEADLINE_MS: String(scaleTimeout(30_000)),
  }
  const loaded = loadConfig('origin', { environment })
  if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
  const app = await createOrigin({ config: loaded.config, log: pino({ level: 'silent' }) })
  return {
    async render({ source, query }) {
      const path = `/attachments/1/${source}?${query}`
      const response = await app.fetch(new Request(new URL(path, 'http://pictures.test')))
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return Buffer.from(await response.arrayBuffer())
    },
    async close() {
      await app.close()
      await rm(directory, { recursive: true })
    },
  }
}
