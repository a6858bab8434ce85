/** Applies the EXIF orientation (Exif 2.32, tag 274) to raw pixels where Sharp does not. */

import type { Size } from '../../../media/size.ts'
import type { RawImage } from './raw-image.ts'

/** Whether an orientation swaps width and height. */
export function isSideways(orientation: number): boolean {
  return orientation > 4
}

/** Returns an RGBA image in display orientation. `orientation` is 2..8. */
export function orientPixels(frame: Uint8Array, stored: Size, orientation: number): RawImage {
  const isTransposed = isSideways(orientation)
  const [width, height] = isTransposed ? [stored.height, stored.width] : [stored.width, stored.height]
  const from = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const data = Buffer.alloc(frame.length)
  const fromRight = MIRRORED_ACROSS.has(orientation)
  const fromBottom = MIRRORED_DOWN.has(orientation)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [across, down] = isTransposed ? [y, x] : [x, y]
      const column = fromRight ? stored.width - 1 - across : across
      const row = fromBottom ? stored.height - 1 - down : down
      data.writeUInt32BE(from.getUint32((row * stored.width + column) * 4), (y * width + x) * 4)
    }
  }
  return { data, width, height, channels: 4 }
}

/** The orientations in which the first stored column, or row, is displayed last (Exif 2.32, tag 274). */
const MIRRORED_ACROSS: ReadonlySet<number> = new Set([2, 3, 7, 8])
const MIRRORED_DOWN: ReadonlySet<number> = new Set([3, 4, 6, 7])
