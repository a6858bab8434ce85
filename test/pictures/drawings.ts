/**
 * Draws the sources of the goldens pixel by pixel, so that they are the same on every machine. All sides of a
 * drawing differ, so that wrong rotation, mirroring or cropping is visible.
 */

import { seededRandom } from '../seeded-random.ts'

/** Pixels in the form that Sharp takes. */
export interface Drawing {
  readonly data: Buffer
  readonly raw: { readonly width: number; readonly height: number; readonly channels: 3 | 4 }
}

type Colour = readonly [red: number, green: number, blue: number]

const [PHOTO_WIDTH, PHOTO_HEIGHT] = [240, 180]

/**
 * Draws a landscape like a photograph: a sky that changes slowly, edges in every direction, thin lines like
 * those of letters, a meadow of noise, and fully saturated colours.
 */
export function photo(): Drawing {
  const random = seededRandom(7)
  return draw(PHOTO_WIDTH, PHOTO_HEIGHT, 3, (x, y) => {
    const grain = random() - 0.5
    const sky = mix([32, 70, 160], [250, 205, 150], y / 130)
    const sun = mix(sky, [255, 236, 150], covered(22 - Math.hypot(x - 178, y - 44)))
    const hill = mix(sun, [30, 62, 80], covered(y - 92 - 26 * Math.sin(x / 29 + 0.6)))
    const meadow = mix([40, 110, 50], [120, 150, 40], 0.5 + grain)
    const ground = mix(hill, meadow, covered(y - 134 - x / 12))
    const board = mix(
      ground,
      [250, 248, 240],
      covered(26 - Math.abs(x - 46)) * covered(18 - Math.abs(y - 84)),
    )
    const inked = mix(board, [20, 20, 24], letters(x - 25, y - 71))
    const ball = mix(inked, [225, 20, 30], covered(15 - Math.hypot(x - 118, y - 150)))
    const blue = mix(ball, [20, 30, 230], covered(12 - Math.abs(x - 210)) * covered(9 - Math.abs(y - 120)))
    return [...blue, 255]
  })
}

/**
 * Draws gravel under stripes of saturated colours: every pixel differs from the next, in chroma as much as in
 * luma.
 */
export function grain(): Drawing {
  const random = seededRandom(11)
  return draw(240, 180, 3, (x, y) => {
    const light = 0.35 + 0.65 * random()
    const stripe = Math.sin((x + y / 3) / 2.5) > 0 ? [220, 60, 50] : [50, 90, 215]
    return [...stripe.map((channel) => channel * light), 255]
  })
}

/**
 * Draws a sticker: a ring with soft edges and a glass pane on a transparent background. Invisible pixels are
 * bright green, which shows as a rim when pixels are blended without regard to their alpha.
 */
export function sticker(): Drawing {
  return draw(160, 120, 4, (x, y) => {
    const ring = soft(14 - Math.abs(Math.hypot(x - 60, y - 64) - 34))
    const pane = 0.4 * soft(20 - Math.abs(x - 122)) * soft(30 - Math.abs(y - 42))
    const alpha = Math.max(ring, pane)
    const colour: Colour = ring >= pane ? mix([240, 70, 150], [250, 200, 60], y / 120) : [40, 90, 220]
    return [...(alpha === 0 ? ([0, 255, 0] as const) : colour), 255 * alpha]
  })
}

/** Draws a flat image of six colours, which fit into a palette. */
export function flag(): Drawing {
  const stripes = [
    [230, 40, 40],
    [250, 160, 20],
    [250, 230, 40],
    [30, 140, 60],
    [30, 80, 200],
    [110, 30, 130],
  ] as const
  return draw(96, 72, 3, (x, y) => [...(stripes[Math.floor((y + x / 8) / 14) % 6] ?? stripes[0]), 255])
}

export const FRAME_DELAYS_MS = [100, 250, 400, 70]
export const [FRAME_WIDTH, FRAME_HEIGHT] = [96, 72]

/**
 * Draws the frames of an animation below each other: a ball that goes from corner to corner and changes its
 * colour.
 */
export function bouncing(): Drawing {
  const colours: readonly Colour[] = [
    [220, 30, 40],
    [40, 170, 60],
    [40, 70, 220],
    [240, 180, 30],
  ]
  return draw(FRAME_WIDTH, FRAME_HEIGHT * FRAME_DELAYS_MS.length, 4, (x, top) => {
    const frame = Math.floor(top / FRAME_HEIGHT)
    const y = top % FRAME_HEIGHT
    const ground = mix([235, 235, 245], [150, 170, 200], y / FRAME_HEIGHT)
    const [centreX, centreY] = [18 + 20 * frame, frame % 2 === 0 ? 20 : 50]
    const ball = mix(ground, colours[frame] ?? [0, 0, 0], covered(13 - Math.hypot(x - centreX, y - centreY)))
    return [...mix(ball, [30, 30, 40], covered(3 - Math.abs(y - 68))), 255]
  })
}

function draw(
  width: number,
  height: number,
  channels: 3 | 4,
  pixel: (x: number, y: number) => readonly number[],
): Drawing {
  const data = Buffer.alloc(width * height * channels)
  for (let at = 0; at < width * height; at += 1) {
    const values = pixel(at % width, Math.floor(at / width))
    for (let channel = 0; channel < channels; channel += 1)
      data[at * channels + channel] = Math.round(values[channel] ?? 0)
  }
  return { data, raw: { width, height, channels } }
}

/** Returns how much of a pixel lies inside an edge, by its distance. */
function covered(distance: number): number {
  return Math.min(1, Math.max(0, distance + 0.5))
}

function soft(distance: number): number {
  return Math.min(1, Math.max(0, distance / 8))
}

function mix(from: Colour, to: Colour, share: number): Colour {
  const part = Math.min(1, Math.max(0, share))
  const between = (a: number, b: number) => a + (b - a) * part
  return [between(from[0], to[0]), between(from[1], to[1]), between(from[2], to[2])]
}

/**
 * The glyphs of the drawn text. Each digit of a glyph states whether it has the stroke at that place. Strokes
 * are one to two pixels wide.
 */
const SIGNS = ['101111', '100110', '111101', '010111', '110011', '011110', '111010']

function letters(x: number, y: number): number {
  const [column, row] = [Math.floor(x / 6), Math.floor(y / 9)]
  if (x < 0 || y < 0 || column > 6 || row > 2) return 0
  const sign = SIGNS[(column + 3 * row) % SIGNS.length] ?? ''
  const [inX, inY] = [x % 6, y % 9]
  if (inX > 4 || inY > 6) return 0
  const strokes = [inX < 1, inX > 3, inY < 1, inY > 5, Math.abs(inY - 3) < 1, Math.abs(inX - inY / 2) < 1]
  return strokes.some((isThere, stroke) => isThere && sign[stroke] === '1') ? 1 : 0
}
