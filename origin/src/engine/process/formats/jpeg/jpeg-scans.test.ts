import { expect, it } from 'vitest'
import { hasFewScans } from './jpeg-scans.ts'

const withScans = (count: number) => Buffer.from('ffda00'.repeat(count), 'hex')

it('a JPEG has few scans up to the limit of libvips', () => {
  expect([0, 1, 100].map((count) => hasFewScans(withScans(count)))).toEqual([true, true, true])
  expect([101, 5000].map((count) => hasFewScans(withScans(count)))).toEqual([false, false])
})
