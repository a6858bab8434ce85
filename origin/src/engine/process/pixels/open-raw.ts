import type { Sharp } from 'sharp'
import type { RawImage } from './raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from './sharp.ts'

/** Opens decoded pixels. */
export function openRaw({ data, width, height, channels }: RawImage): Sharp {
  return sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
}
