import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { createOriginFetch } from './origin.ts'

const ON_BEHALF = { clientAddress: '192.0.2.1', requestId: 'r', traceparent: 't' }

async function askedFor(originUrl: string, path: string): Promise<URL> {
  const asked: string[] = []
  const origin = createOriginFetch({
    originUrl,
    ring: undefined,
    timeoutMs: 1000,
    now: () => 0,
    fetch: async (url) => {
      asked.push(url)
      return new Response(null, { headers: { 'x-request-id': 'r' } })
    },
  })
  await origin({ method: 'GET', path }, ON_BEHALF)
  return new URL(asked[0] ?? 'http://nobody')
}

const HOSTILE = [
  '//evil.test/x',
  '/\\evil.test/x',
  '/\\\\evil.test',
  '///evil.test',
  '//evil.test:80@x/',
  '/@evil.test/',
  '/.//evil.test/x',
]
const anyPath = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.webPath().map((path) => `/${path}`),
  fc
    .string({ unit: fc.constantFrom(...'/\\@:?#%.[]&= a\t\n', 'evil.test', '%2f', '%5c', '..', 'http:') })
    .map((path) => `/${path}`),
)

it.each(['http://origin.test', 'http://origin.test:8080', 'https://origin.test/base/'])(
  'requests only %s, whatever the path',
  async (originUrl) => {
    await fc.assert(
      fc.asyncProperty(anyPath, async (path) => {
        const asked = await askedFor(originUrl, path)
        expect(asked.origin).toBe(new URL(originUrl).origin)
        expect([asked.username, asked.password]).toEqual(['', ''])
      }),
      { numRuns: 2000 },
    )
  },
)

it('forwards the path and the query unchanged', async () => {
  const asked = await askedFor('https://origin.test/base', '/attachments/a%2Fb%20c?x=1%25&y=?z')
  expect(asked.href).toBe('https://origin.test/base/attachments/a%2Fb%20c?x=1%25&y=?z')
})

it('treats the rejection of its own signature as an unreachable origin', async () => {
  const answer = async (headers: Record<string, string>) =>
    createOriginFetch({
      originUrl: 'https://origin.test',
      ring: undefined,
      timeoutMs: 1000,
      now: () => 0,
      fetch: async () =>
        new Response('Forbidden', { status: 403, headers: { 'x-request-id': 'r', ...headers } }),
    })({ method: 'GET', path: '/x' }, ON_BEHALF)
  expect(await answer({ 'x-edge-rejected': 'stale' })).toMatchObject({ code: 'origin-unreachable' })
  expect(await answer({})).toMatchObject({ status: 403 })
})

it.each([
  ['GET', undefined, 1000],
  ['HEAD', undefined, 1000],
  ['GET', 50, 50],
])(
  'does not wait longer than its timeout for the header of a response to %s',
  async (method, timeoutMs, afterMs) => {
    vi.useFakeTimers()
    try {
      const origin = createOriginFetch({
        originUrl: 'https://origin.test',
        ring: undefined,
        timeoutMs: 1000,
        now: () => 0,
        fetch: (_, { signal }) =>
          new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))),
      })
      const shorter = timeoutMs === undefined ? {} : { timeoutMs }
      const asked = origin({ method, path: '/x', ...shorter }, ON_BEHALF)
      let isOver = false
      void asked.then(() => (isOver = true))
      await vi.advanceTimersByTimeAsync(afterMs - 1)
      expect(isOver).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(await asked).toMatchObject({ code: 'origin-unreachable', detail: 'it does not answer in time' })
    } finally {
      vi.useRealTimers()
    }
  },
)
