import { expect, it } from 'vitest'
import { planOf, planTransformation } from './plan.ts'

const plain = { fit: 'cover', gravity: 'centre' } as const

it.each([
  [400, 300, 64, 64, 48],
  [300, 900, 64, 64, 192],
  [400, 300, 400, 400, 300],
  [400, 300, 4096, 400, 300],
  [10_000, 10, 16, 16, 1],
  [400, 301, 20, 20, 15],
])('an asset of %ix%i at %i is %ix%i', (width, height, size, wide, high) => {
  expect(planOf({ kind: 'asset', route: 'avatars', size }, { width, height })).toMatchObject({
    width: wide,
    height: high,
  })
})

it.each([
  [400, 200, 128, 128, 128],
  [400, 200, 300, 300, 200],
  [64, 32, 128, 64, 32],
  [50, 400, 128, 50, 128],
])('a sticker of %ix%i at %i is padded to %ix%i', (width, height, size, wide, high) => {
  expect(planOf({ kind: 'asset', route: 'stickers', size }, { width, height })).toMatchObject({
    width: wide,
    height: high,
  })
})

it.each([
  [{ width: 100 }, 'cover', 100, 75, 'exact'],
  [{ height: 100 }, 'cover', 133, 100, 'exact'],
  [{ width: 9000 }, 'cover', 400, 300, 'exact'],
  [{ width: 100, height: 100 }, 'cover', 100, 100, 'cover'],
  [{ width: 100, height: 100 }, 'contain', 100, 100, 'contain'],
  [{ width: 100, height: 100 }, 'inside', 100, 75, 'exact'],
  [{ width: 200, height: 150 }, 'contain', 200, 150, 'exact'],
  [{ width: 9000, height: 100 }, 'cover', 400, 100, 'cover'],
  [{}, 'cover', 400, 300, 'exact'],
] as const)('%j with fit %s of 400x300 is %ix%i, %s', (wanted, fit, width, height, mode) => {
  const plan = planTransformation({ width: 400, height: 300 }, { ...plain, ...wanted, fit })
  expect(plan).toMatchObject({ width, height, mode })
})
