import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { type FilesystemService, openEdge } from '../services.ts'

const SETTINGS = {
  MEDIA_PROXY_SECRET_KEY: 'secret',
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
  MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '300',
  MEDIA_PROXY_RATE_LIMIT_EDGE_DRIVER: 'ledger',
}

let service: FilesystemService

beforeAll(async () => {
  service = await openEdge(SETTINGS)
  await service.put('attachments/1/a.png', await halvesPng(2000, 1500))
})
afterAll(() => service.close())

async function smoke(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly lines: readonly string[] }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../scripts/smoke.ts'), ...args], {
    env: { ...process.env, MEDIA_PROXY_SECRET_KEY: 'secret' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const output = (await text(child.stdout)) + (await text(child.stderr))
  return { code: await exited, lines: output.trim().split('\n') }
}

it('finds no fault in an edge', async () => {
  const { code, lines } = await smoke(`${service.url}/attachments/1/a.png`, '--exhaust')
  expect(lines.filter((line) => !line.startsWith('ok '))).toHaveLength(1)
  expect(lines.join('\n')).toMatch(/HIT: HIT, the same bytes/)
  expect(lines.join('\n')).toMatch(/COALESCED: 32 at once: [01] MISS, \d+ COALESCED/)
  expect(lines.join('\n')).toMatch(/Range of what is kept: 206 HIT/)
  expect(lines.join('\n')).toMatch(/purge: 200, then MISS/)
  expect(lines.join('\n')).toMatch(/limits: 429 after \d+ requests, Retry-After \d+/)
  expect(code).toBe(0)
})

it('reports what fails: an origin has no such cache', async () => {
  const { code, lines } = await smoke(`${service.originUrl}/attachments/1/a.png`, '--within', '1')
  expect(lines.filter((line) => line.startsWith('FAILED')).join('\n')).toMatch(/HIT: none/)
  expect(code).toBe(1)
})

it('asks for the URL of an attachment', async () => {
  const { code, lines } = await smoke(`${service.url}/avatars/1/a.png`)
  expect([code, lines[0]]).toEqual([1, 'This is no attachment: asset.'])
})

it('rejects a time that is no number', async () => {
  const { code, lines } = await smoke(`${service.url}/attachments/1/a.png`, '--within', 'soon')
  expect([code, lines[0]]).toEqual([1, '--within takes a number of seconds, not soon.'])
})
