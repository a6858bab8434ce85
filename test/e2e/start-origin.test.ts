/** `pnpm start:origin` under a supervisor: the process that the supervisor starts is the service itself. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { descendantsOf, engineOf } from '../bench/process-snapshot.ts'
import { freePort } from '../free-port.ts'
import { send } from '../http.ts'
import { until } from '../until.ts'

const SCRIPT = join(import.meta.dirname, '../../scripts/start-origin.ts')

it.runIf(process.platform === 'linux')(
  'replaces itself with the service, which starts its own processes',
  async () => {
    const port = await freePort()
    const directory = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
    for (const bucket of ['cdn', 'uploads']) await mkdir(join(directory, bucket))
    const child = spawn(process.execPath, [SCRIPT], {
      env: { ...process.env, MEDIA_PROXY_PORT: String(port), MEDIA_PROXY_STORAGE_DIR: directory },
      stdio: 'ignore',
    })
    const { pid = 0 } = child
    try {
      await until(() =>
        send(`http://127.0.0.1:${port}`, '/_ready').then(
          ({ status }) => status === 200,
          () => false,
        ),
      )
      const engine = engineOf(pid)
      expect(engine.length).toBeGreaterThan(0)
      expect(descendantsOf(pid)).toEqual(engine)
      child.kill('SIGTERM')
      expect(await once(child, 'exit')).toEqual([0, null])
      expect(engineOf(pid)).toEqual([])
    } finally {
      child.kill('SIGKILL')
      await rm(directory, { recursive: true })
    }
  },
)
