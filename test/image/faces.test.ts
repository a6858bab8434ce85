/** Tests where faces are found, and how `gravity=face` crops. */

import { findFaces } from '@media-proxy/origin/engine/process/faces/find-faces.ts'
import { keepFaces } from '@media-proxy/origin/engine/process/faces/keep-faces.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { portraitSvg } from '../fixtures.ts'

async function facesIn(svg: Buffer) {
  const { data, info } = await sharp(svg).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const found = await findFaces({ data, width: info.width, height: info.height, channels: 3 })
  if (isFailure(found)) throw new Error(found.detail)
  return found
}

describe('faces', () => {
  it.each([
    [600, 450, 300, 200],
    [600, 450, 150, 180],
    [600, 450, 450, 220],
    [400, 800, 200, 150],
    [400, 800, 200, 600],
  ])('of an image of %ix%i are found at %i,%i', async (width, height, x, y) => {
    const found = await facesIn(portraitSvg(width, height, [[x, y]]))
    expect(found.length).toBeGreaterThan(0)
    for (const face of found) {
      expect(Math.abs(face.left + face.width / 2 - x)).toBeLessThan(40)
      expect(Math.abs(face.top + face.height / 2 - y)).toBeLessThan(60)
      expect(face.width).toBeGreaterThan(100)
      expect(face.width).toBeLessThan(240)
    }
  })

  it('of two people are both found', async () => {
    const found = await facesIn(
      portraitSvg(800, 500, [
        [200, 220],
        [600, 240],
      ]),
    )
    const near = (x: number) => found.some(({ left, width }) => Math.abs(left + width / 2 - x) < 40)
    expect([near(200), near(400), near(600)]).toEqual([true, false, true])
  })

  it.each([
    ['a wall', portraitSvg(600, 400, [])],
    [
      'a disc',
      Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><circle cx="200" cy="200" r="120" fill="#e0a880"/></svg>',
      ),
    ],
  ])('are none in %s', async (_, svg) => {
    expect(await facesIn(svg)).toEqual([])
  })
})

describe('a crop towards faces', () => {
  const source = { width: 1000, height: 500 }
  const plan = { width: 100, height: 100, mode: 'cover', gravity: 'face' } as const
  const face = (left: number, top: number, side: number) => ({ left, top, width: side, height: side })

  it.each([
    ['in the middle', [face(600, 100, 100)], { left: 400, top: 0, width: 500, height: 500 }],
    ['at the left edge', [face(20, 100, 100)], { left: 0, top: 0, width: 500, height: 500 }],
    ['at the right edge', [face(890, 100, 100)], { left: 500, top: 0, width: 500, height: 500 }],
    [
      'between several',
      [face(300, 100, 100), face(500, 100, 100)],
      { left: 200, top: 0, width: 500, height: 500 },
    ],
    [
      'at the largest when not all fit',
      [face(0, 0, 100), face(800, 100, 150)],
      { left: 500, top: 0, width: 500, height: 500 },
    ],
  ])('contains them %s', (_, faces, part) => {
    expect(keepFaces({ plan }, source, faces)).toEqual({
      plan: { width: 100, height: 100, mode: 'exact', gravity: 'centre' },
      part,
    })
  })

  it('stays inside the selected part of the image', () => {
    const part = { left: 100, top: 50, width: 400, height: 300 }
    expect(keepFaces({ plan, part }, source, [face(120, 60, 80)]).part).toEqual({ ...part, width: 300 })
    expect(keepFaces({ plan, part }, source, [face(800, 60, 80)]).plan.gravity).toBe('attention')
  })

  it('falls back to the gravity attention when there are none', () => {
    expect(keepFaces({ plan }, source, [])).toEqual({ plan: { ...plan, gravity: 'attention' } })
  })
})
