import { expect, it } from 'vitest'
import { parseDone } from './jobs.ts'

it('a complaint of any length is a failure, with its beginning', () => {
  const detail = 'bad item; '.repeat(500)
  const text = JSON.stringify({ cpuSeconds: 1, result: { ok: false, code: 'undecodable', detail } })
  expect(parseDone('render', text)?.result).toMatchObject({
    code: 'undecodable',
    detail: detail.slice(0, 1000),
  })
})
