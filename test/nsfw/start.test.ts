/** Tests how the origin starts with an existing model, and with a missing one. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ORIGIN_ARGUMENTS } from '@media-proxy/scripts/origin-process.ts'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'

let directory = ''
let origin: ChildProcess | undefined

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'media-proxy-start-'))
  await mkdir(join(directory, 'cdn'))
  await mkdir(join(directory, 'uploads'))
})
afterEach(async () => {
  if (origin === undefined || origin.exitCode !== null) return
  origin.kill()
  await once(origin, 'exit')
})
afterAll(() => rm(directory, { recursive: true }))

function start(settings: Readonly<Record<string, string>>): ChildProcess {
  const environment = {
    MEDIA_PROXY_NODE_ENV: 'test',
    MEDIA_PROXY_PORT: '0',
    MEDIA_PROXY_STORAGE_DIR: directory,
    MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'info',
  }
  const child = spawn(process.execPath, ORIGIN_ARGUMENTS, {
    env: { ...process.env, ...environment, ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  origin = child
  return child
}

async function listening(child: ChildProcess): Promise<string> {
  const [message] = await once(child, 'message')
  return `http://127.0.0.1:${(message as { listening: number }).listening}`
}

/** Resolves with the first line of the log that contains these words. */
async function logged(child: ChildProcess, words: string): Promise<string> {
  let text = ''
  for await (const chunk of child.stdout ?? []) {
    text += chunk
    const line = text.split('\n').find((candidate) => candidate.includes(words))
    if (line !== undefined) return line
  }
  throw new Error(`the origin ended without logging "${words}": ${text}`)
}

it('is ready when the required model exists', async () => {
  const child = start({ MEDIA_PROXY_NSFW_REQUIRED: 'true' })
  const url = await listening(child)
  expect((await fetch(`${url}/_ready`)).status).toBe(200)
})

it('starts without its model, and logs a warning', async () => {
  const child = start({ MEDIA_PROXY_NSFW_MODEL_PATH: join(directory, 'missing.onnx') })
  const [url, line] = await Promise.all([listening(child), logged(child, 'NSFW scanning is disabled')])
  expect(line).toContain('missing.onnx')
  const ready = await fetch(`${url}/_ready`)
  expect([ready.status, await ready.text()]).toEqual([503, 'Not ready: model'])
})

it('does not start without a required model, and prints the reason in one line', async () => {
  const child = start({
    MEDIA_PROXY_NSFW_MODEL_PATH: join(directory, 'missing.onnx'),
    MEDIA_PROXY_NSFW_REQUIRED: 'true',
  })
  let stderr = ''
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  expect(code).toBe(1)
  expect(stderr).toMatch(/^The origin does not start without its model: .*missing\.onnx.*\n$/)
})

it('loads no model when scans are disabled', async () => {
  const child = start({
    MEDIA_PROXY_NSFW_MODEL_PATH: join(directory, 'missing.onnx'),
    MEDIA_PROXY_NSFW_ENABLED: 'false',
  })
  expect((await fetch(`${await listening(child)}/_ready`)).status).toBe(200)
})
