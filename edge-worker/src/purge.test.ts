import { afterEach, expect, it, vi } from 'vitest'
import { cacheTagOf, createZonePurge } from './purge.ts'

afterEach(() => void vi.useRealTimers())

function purgeOf(answer: () => Promise<Response>) {
  const fetch = vi.fn(answer)
  return { purge: createZonePurge({ zone: 'z', token: 't', fetch }), fetch }
}

it('purges a zone by cache tags, thirty per call', async () => {
  const names = Array.from({ length: 31 }, (_, index) => `avatars/1/${index}`)
  const bodies: unknown[] = []
  const purge = createZonePurge({
    zone: 'z',
    token: 't',
    async fetch(url, { body, headers }) {
      expect(url).toBe('https://api.cloudflare.com/client/v4/zones/z/purge_cache')
      expect(headers).toMatchObject({ authorization: 'Bearer t' })
      bodies.push(JSON.parse(String(body)))
      return Response.json({ success: true })
    },
  })
  expect(await purge(names)).toBeUndefined()
  const tags = await Promise.all(names.map(cacheTagOf))
  expect(bodies).toEqual([{ tags: tags.slice(0, 30) }, { tags: tags.slice(30) }])
})

it.each<[string, () => Promise<Response>]>([
  ['rejects', async () => Response.json({ success: false }, { status: 403 })],
  ['rejects in its body alone', async () => Response.json({ success: false })],
  ['answers what is no JSON', async () => new Response('<html>')],
  ['cannot be reached', () => Promise.reject(new Error('Network connection lost.'))],
  ['says nothing', () => new Promise(() => undefined)],
])('reports a failure when a zone %s', async (_, answer) => {
  vi.useFakeTimers()
  const { purge, fetch } = purgeOf(answer)
  const outcome = purge(['avatars/1/a'])
  await vi.waitFor(() => expect(fetch).toHaveBeenCalled())
  await vi.advanceTimersByTimeAsync(11_000)
  expect(await outcome).toMatchObject({ code: 'overloaded', headers: { 'retry-after': '5' } })
})
