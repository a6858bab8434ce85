/** Animated PNG of 8 by 8 pixels, made of frames of one colour. */

import { type AnimatedPngOptions, animatedPng, type PngFrame } from '../fixtures.ts'

export const RED = [255, 0, 0, 255] as const
export const GREEN = [0, 255, 0, 255] as const
export const BLUE = [0, 0, 255, 255] as const
export const NOTHING = [0, 0, 0, 0] as const
export const [NONE, BACKGROUND, PREVIOUS] = [0, 1, 2] as const
const SOURCE = 0
export const OVER = 1

export const SIDE = 8
export const whole: PngFrame = {
  left: 0,
  top: 0,
  width: SIDE,
  height: SIDE,
  colour: RED,
  delay: [1, 10],
  dispose: NONE,
  blend: SOURCE,
}
export const corner = { ...whole, left: 4, top: 4, width: 4, height: 4 }

export const make = (frames: readonly PngFrame[], options: Partial<AnimatedPngOptions> = {}) =>
  animatedPng({ width: SIDE, height: SIDE, loop: 0, frames, ...options })
