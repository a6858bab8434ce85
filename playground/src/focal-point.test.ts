import { describe, expect, it } from 'vitest'
import { parametersOfPoint } from './focal-point.ts'

const SOURCE = { width: 400, height: 300 }

describe('the parameters of a focal point', () => {
  it.each([
    [{ x: 0.5, y: 0.5 }, 1, { gravity: 'centre' }],
    [{ x: 0.1, y: 0.9 }, 1, { gravity: 'west' }],
    [{ x: 0.95, y: 0.2 }, 1, { gravity: 'east' }],
    [{ x: 0.5, y: 0 }, 2, { gravity: 'north' }],
    [{ x: 0.2, y: 1 }, 2, { gravity: 'south' }],
    // The aspect ratio of the source, so nothing is cut off.
    [{ x: 0.9, y: 0.1 }, 4 / 3, { gravity: 'centre' }],
    [{ x: 0.4, y: 0.5 }, 1, { crop: '0.025,0,0.75,1' }],
    [{ x: 0.5, y: 0.4 }, 2, { crop: '0,0.066,1,0.666' }],
    // Without both sides: a closer view, inside the image.
    [{ x: 0.5, y: 0.5 }, undefined, { crop: '0.25,0.25,0.5,0.5' }],
    [{ x: 0, y: 0.9 }, undefined, { crop: '0,0.5,0.5,0.5' }],
  ])('for %o at the aspect ratio %s', (point, ratio, expected) => {
    expect(parametersOfPoint(point, { ...SOURCE, ratio })).toEqual({
      gravity: undefined,
      crop: undefined,
      ...expected,
    })
  })
})
