import type { RawImage } from '../pixels/raw-image.ts'
import type { Part } from './layout.ts'

/**
 * The largest difference between a channel of a border pixel and that of the upper left pixel, of 255. Codecs
 * leave some noise.
 */
const ALIKE = 10

/**
 * Returns the area inside a border that has one colour or is transparent. Undefined when nothing is left
 * inside. Implemented here, because libvips smooths the whole image first, which takes several times as long.
 */
export function insideBorder({ data, width, height, channels }: RawImage): Part | undefined {
  const differs = differsFromFirst(data, channels)
  const rowDiffers = (y: number) => {
    for (let x = 0; x < width; x += 1) if (differs(y * width + x)) return true
    return false
  }
  let top = 0
  while (top < height && !rowDiffers(top)) top += 1
  if (top === height) return undefined
  let bottom = height - 1
  while (!rowDiffers(bottom)) bottom -= 1
  let [left, right] = [width - 1, 0]
  for (let y = top; y <= bottom; y += 1) {
    for (let x = 0; x < left; x += 1) if (differs(y * width + x)) left = x
    for (let x = width - 1; x > right; x -= 1) if (differs(y * width + x)) right = x
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 }
}

/**
 * Returns the comparison with the first pixel. Colours are premultiplied by alpha, so transparent pixels have
 * no colour.
 */
function differsFromFirst(data: Uint8Array, channels: 3 | 4): (pixel: number) => boolean {
  const alphaOf = (pixel: number) => (channels === 4 ? (data[pixel * 4 + 3] ?? 0) : 255)
  const covers = (pixel: number, channel: number) => (data[pixel * channels + channel] ?? 0) * alphaOf(pixel)
  const first = [covers(0, 0), covers(0, 1), covers(0, 2)]
  const firstAlpha = alphaOf(0)
  return (pixel) => {
    if (Math.abs(alphaOf(pixel) - firstAlpha) > ALIKE) return true
    for (let channel = 0; channel < 3; channel += 1)
      if (Math.abs(covers(pixel, channel) - (first[channel] ?? 0)) > ALIKE * 255) return true
    return false
  }
}
