import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadOriginConfig } from './config.ts'

describe('the configuration file', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'media-proxy-config-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  async function load(text: string) {
    const path = join(directory, 'config.json')
    await writeFile(path, text)
    return loadOriginConfig({ MEDIA_PROXY_CONFIG: path })
  }

  it('may start with a byte order mark', async () => {
    expect(await load('\uFEFF{ "port": 8090 }')).toMatchObject({ ok: true, config: { port: 8090 } })
  })

  it('is reported when it is not JSON, without its content', async () => {
    expect(await load('{\n  "secretKey": "hidden",\n}')).toEqual({
      ok: false,
      faults: [
        `MEDIA_PROXY_CONFIG: cannot read ${join(directory, 'config.json')}: it is no JSON at line 3, column 1`,
      ],
    })
  })
})
