import { readFile } from 'node:fs/promises'
import { NSFW_MODEL } from '@media-proxy/origin/paths/paths.ts'
import { expect, it } from 'vitest'
import { convert } from './convert.ts'
import { readGraphModel } from './graph-model.ts'

it("is exactly the converter's output for the package", async () => {
  const made = Buffer.from(convert(await readGraphModel()))
  expect(made.equals(await readFile(NSFW_MODEL))).toBe(true)
})
