import sharp from 'sharp'
import { expect } from 'vitest'

export const RED = [220, 30, 30] as const
export const SIDE = 32

/** Returns an image of one red, `SIDE` pixels wide and high. */
export const red = (alpha = 1) => {
  const [r, g, b] = RED
  return sharp({ create: { width: SIDE, height: SIDE, channels: 4, background: { r, g, b, alpha } } })
}

/** Returns a file name for the name of a case. */
export function keyOf(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, '_')
}

export function expectColour(colour: readonly number[], wanted: readonly number[], tolerance: number): void {
  const distance = Math.max(...wanted.map((value, channel) => Math.abs(value - (colour[channel] ?? 0))))
  expect([colour, distance <= tolerance]).toEqual([colour, true])
}
