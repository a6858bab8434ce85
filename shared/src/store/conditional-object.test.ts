import { expect, it } from 'vitest'
import { fail } from '../response/failure.ts'
import { openConditionally } from './conditional-object.ts'

it('gives up when the object is different at every request', async () => {
  let asked = 0
  const reader = {
    async head() {
      asked += 1
      return { etag: `"${asked}"`, sizeBytes: 10 }
    },
    get: async () => fail('range-not-satisfiable'),
  }
  const headers = new Headers({ range: 'bytes=20-', 'if-none-match': '"0"' })
  expect(await openConditionally(reader, { method: 'GET', headers })).toMatchObject({
    code: 'store-unreachable',
  })
  expect(asked).toBeLessThan(10)
})
