import { expect, it } from 'vitest'
import { parseDone } from './jobs.ts'

it('a long error message is cut to its first 1000 characters', () => {
  const detail = 'bad item; '.repeat(500)
  const text = JSON.stringify({
    cpuSeconds: 1,
    idleCpuSeconds: 0,
    result: { ok: false, code: 'undecodable', detail },
  })
  expect(parseDone('render', text)?.result).toMatchObject({
    code: 'undecodable',
    detail: detail.slice(0, 1000),
  })
})

it('an overload includes a Retry-After', () => {
  const text = JSON.stringify({ cpuSeconds: 1, idleCpuSeconds: 0, result: { ok: false, code: 'overloaded' } })
  expect(parseDone('render', text)?.result).toMatchObject({ headers: { 'retry-after': '10' } })
})
