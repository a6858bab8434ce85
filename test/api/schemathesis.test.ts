/**
 * Tests the description with schemathesis, a Python package: it requests everything that is described from
 * the edge and from the origin.
 */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { IMAGE_ROUTES } from '@media-proxy/shared/request/media-request.ts'
import { signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createBase64KeyRing, createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { signUploadToken } from '@media-proxy/shared/signing/upload-token.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'

const COMMAND = process.env.SCHEMATHESIS
const SECRET = 'a-secret'
const RELAY_SECRET = Buffer.alloc(32, 9).toString('base64')
const SETTINGS = {
  MEDIA_PROXY_NODE_ENV: 'development',
  MEDIA_PROXY_PLAYGROUND_ENABLED: 'false',
  MEDIA_PROXY_SECRET_KEY: SECRET,
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge-secret',
  MEDIA_PROXY_UPLOAD_RELAY_SECRET: RELAY_SECRET,
  MEDIA_PROXY_PRESETS: 'tiny:width=10&size=16',
}
/** The objects that the examples of the description refer to. */
const OBJECTS = [
  ...IMAGE_ROUTES.map((route) => `${route}/1/abc`),
  ...['guilds/1/users/1/avatars/abc', 'guilds/1/users/1/banners/abc', 'emojis/1', 'stickers/1'],
  'attachments/1/a.png',
]

describe.skipIf(COMMAND === undefined).each([
  ['the edge', openEdge],
  ['the origin', openFilesystemOrigin],
] as const)('%s (skipped unless SCHEMATHESIS names its command)', (_, open) => {
  let service: Service
  let far: UpstreamServer
  beforeAll(async () => {
    const image = await halvesPng(60, 40)
    far = await openUpstreamServer(files({ '/far.png': image }))
    service = await open({ ...SETTINGS, MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host })
    for (const key of OBJECTS) await service.put(key, image)
    await service.put('themes/0123456789abcdef.css', Buffer.from('a{}'))
    await service.put('entrance-sounds/1/abc.mp3', Buffer.from('ID3'))
  })
  afterAll(async () => {
    await service.close()
    await far.close()
  })

  it('answers as described', { timeout: scaleTimeout(600_000) }, async () => {
    const grant = {
      bucket: 'uploads',
      key: 'folder/b',
      method: 'put',
      maxBytes: 10_000,
      expiresAt: 4_102_444_800,
    }
    const farUrl = `${far.url}/far.png`
    const args = [
      '--config-file',
      join(import.meta.dirname, 'schemathesis.toml'),
      'run',
      `${service.url}/_openapi.json`,
    ]
    const child = spawn(COMMAND ?? '', args, {
      cwd: import.meta.dirname,
      env: {
        ...process.env,
        MEDIA_PROXY_SECRET: SECRET,
        MEDIA_PROXY_TOKEN: await signUploadToken(await createBase64KeyRing([RELAY_SECRET]), grant),
        MEDIA_PROXY_FAR_URL: farUrl,
        MEDIA_PROXY_SIGNATURE: await signExternalTarget(
          await createKeyRing([SECRET]),
          encodeURIComponent(farUrl),
        ),
        PYTHONDONTWRITEBYTECODE: '1',
        SCHEMATHESIS_HOOKS: 'hooks',
        PYTHONPATH: import.meta.dirname,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(await ended, output + errors).toBe(0)
  })
})
