import { readFile } from 'node:fs/promises'
import { BUNDLED_MODEL_PATH } from '@media-proxy/origin/nsfw/model.ts'
import { expect, it } from 'vitest'
import { convert } from './convert.ts'
import { readGraphModel } from './graph-model.ts'

it('is exactly what the converter makes of the package', async () => {
  const made = Buffer.from(convert(await readGraphModel()))
  expect(made.equals(await readFile(BUNDLED_MODEL_PATH))).toBe(true)
})
