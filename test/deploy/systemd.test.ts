/** The unit of deploy/systemd, as far as systemd can check it without running it. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadOriginConfig } from '@media-proxy/origin/config.ts'
import { nativeEnvironment, ORIGIN_FLAGS } from '@media-proxy/scripts/origin-process.ts'
import { describe, expect, it } from 'vitest'

const PATH = join(import.meta.dirname, '../../deploy/systemd/media-proxy.service')
const UNIT = readFileSync(PATH, 'utf8').replaceAll(/\\\n\s*/g, '')
const valuesOf = (name: string) =>
  [...UNIT.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)
/** On a scale on which 10 is a service without any restriction. */
const MAX_EXPOSURE = 3
const hasSystemd = spawnSync('systemd-analyze', ['security', '--help']).stdout?.includes('--offline') ?? false

describe.skipIf(!hasSystemd)('the systemd unit (skipped without systemd-analyze)', () => {
  it('grants few privileges', () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', PATH], {
      encoding: 'utf8',
    })
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? []
    expect(Number(exposure), stdout).toBeLessThan(MAX_EXPOSURE)
  })

  it('contains no line that systemd does not know', () => {
    const { stderr } = spawnSync('systemd-analyze', ['verify', PATH], { encoding: 'utf8' })
    expect(stderr.split('\n').filter((line) => line.includes('media-proxy.service:'))).toEqual([])
  })
})

it('the systemd unit starts the server with the same flags as the repository', () => {
  const [start = ''] = valuesOf('ExecStart')
  const script = '/opt/media-proxy/current/node_modules/@media-proxy/server/dist/server.js'
  expect(start.split(' ')).toEqual(['/usr/bin/node', ...ORIGIN_FLAGS, script])
  const given = Object.fromEntries(
    valuesOf('Environment').flatMap((line) => line.split(' ').map((pair) => pair.split('=', 2))),
  )
  const { NODE_COMPILE_CACHE: _, ...native } = nativeEnvironment({})
  expect(given).toMatchObject(native)
})

it('the systemd unit waits until the service has stopped, and allows its engine to isolate itself', () => {
  expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(30)
  // The engine needs `unshare --user --net`, and V8 writes memory that it executes.
  expect(valuesOf('RestrictNamespaces')).toEqual(['user net'])
  expect(valuesOf('MemoryDenyWriteExecute')).toEqual([])
})

it('systemd reads the documented settings as intended', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8')
  const [, block = ''] =
    /`\/etc\/media-proxy\/environment` of an origin[^`]*```sh\n([^`]*)```/.exec(page) ?? []
  // In systemd, a line is either a comment from its first character on, or contains no comment.
  const lines = block.split('\n').filter((line) => line !== '' && !/^[#;]/.test(line))
  const settings = Object.fromEntries(lines.map((line) => line.split(/=(.*)/, 2)))
  const loaded = loadOriginConfig({ MEDIA_PROXY_NODE_ENV: 'production', ...settings })
  expect(loaded).toMatchObject({
    ok: true,
    warnings: [],
    config: { secretKey: ['…'], trustedProxies: ['127.0.0.1'], rateLimitConfig: { maxAttempts: 1000 } },
  })
})
