/** Tests that renditions look as they did at the last review, and are coded in the same way. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CASES } from './cases.ts'
import { compareWithGolden, readGolden, strayGoldens } from './goldens.ts'
import { type GoldenRenderer, openRenderer } from './render.ts'

describe('golden images', () => {
  let renderer: GoldenRenderer
  beforeAll(async () => {
    renderer = await openRenderer()
  })
  afterAll(() => renderer.close())

  it.each(CASES)('$name matches its golden', async (image) => {
    const golden = await readGolden(image)
    if (golden === undefined) throw new Error('no golden: see pnpm pictures:review')
    const { faults } = await compareWithGolden(image, golden, await renderer.render(image))
    expect(faults, faults.join('; ')).toEqual([])
  })

  it('exist only for current cases', async () => {
    expect(await strayGoldens()).toEqual([])
  })
})
