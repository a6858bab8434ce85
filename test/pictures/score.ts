/**
 * Computes how similar two images look: structural similarity (Wang et al., 2004) of lightness and of both
 * colour channels of OKLab, at three sizes, weighted towards the worst places, and the shift of locally
 * uniform colours. 100 means the same image, 99 one whose every level is one higher, and 90 to 95 the same
 * image in JPEG, WebP or AVIF at a quality lower by 15.
 */

/** One frame as shown, with straight alpha. */
export interface Frame {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/**
 * Returns the lower one of the scores on white and on black, because alpha is visible on at least one of
 * them. The sizes have to be equal.
 */
export function similarity(expected: Frame, got: Frame): number {
  const grounds = [expected, got].every(isOpaque) ? [1] : [0, 1]
  return Math.min(...grounds.map((ground) => scoreOf(planesOf(expected, ground), planesOf(got, ground))))
}

const SCALES = 3
const MIN_SIDE = 8
/** Lightness is perceived more sharply than colour. */
const CHANNEL_WEIGHTS = [0.6, 0.2, 0.2] as const
/** The points for a shift of 1 in OKLab, where 0.02 is just visible. */
const SHIFT_POINTS = 300
/** Keeps invisible noise from counting as structure (0.03 squared). */
const STABILITY = 0.0009

interface Plane {
  readonly values: Float32Array
  readonly width: number
  readonly height: number
}

function scoreOf(expected: readonly Plane[], got: readonly Plane[]): number {
  let [a, b] = [expected, got]
  const structures: number[] = []
  let shift = 0
  for (let scale = 0; scale < SCALES; scale += 1) {
    const compared = a.map((plane, channel) => compare(plane, b[channel] ?? plane))
    structures.push(compared.reduce((sum, { error }, at) => sum + error * (CHANNEL_WEIGHTS[at] ?? 0), 0))
    if (scale === 0) shift = Math.hypot(...compared.map((channel) => channel.shift))
    a = a.map(half)
    b = b.map(half)
    if (Math.min(a[0]?.width ?? 0, a[0]?.height ?? 0) < MIN_SIDE) break
  }
  const structure = structures.reduce((sum, error) => sum + error, 0) / structures.length
  return Math.max(0, 100 - 100 * structure - SHIFT_POINTS * shift)
}

/** Returns the structural error, 0 to 1 and rarely more, and the difference between the local means. */
function compare(expected: Plane, got: Plane): { readonly error: number; readonly shift: number } {
  const { width, height } = expected
  const product = (a: Plane, b: Plane) => ({
    width,
    height,
    values: a.values.map((value, at) => value * (b.values[at] ?? 0)),
  })
  const [meanA, meanB] = [smooth(expected), smooth(got)]
  const [squareA, squareB] = [smooth(product(expected, expected)), smooth(product(got, got))]
  const both = smooth(product(expected, got))
  let [sum, fourths, shifts] = [0, 0, 0]
  for (let at = 0; at < meanA.length; at += 1) {
    const [a = 0, b = 0] = [meanA[at], meanB[at]]
    const variances = (squareA[at] ?? 0) - a * a + (squareB[at] ?? 0) - b * b
    const covariance = (both[at] ?? 0) - a * b
    const error = Math.max(0, 1 - (2 * covariance + STABILITY) / (variances + STABILITY))
    sum += error
    fourths += error ** 4
    shifts += (a - b) ** 4
  }
  const count = meanA.length
  return { error: (sum / count + (fourths / count) ** 0.25) / 2, shift: (shifts / count) ** 0.25 }
}

const SIGMA = 1.5
const RADIUS = 4
const KERNEL = Array.from({ length: 2 * RADIUS + 1 }, (_, at) =>
  Math.exp(-((at - RADIUS) ** 2) / (2 * SIGMA ** 2)),
)

function smooth({ values, width, height }: Plane): Float32Array {
  return smoothRows(smoothRows(values, width, height), height, width)
}

/** Smooths along rows and returns the result transposed. */
function smoothRows(values: Float32Array, width: number, height: number): Float32Array {
  const turned = new Float32Array(values.length)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let [sum, weights] = [0, 0]
      for (let at = Math.max(0, x - RADIUS); at <= Math.min(width - 1, x + RADIUS); at += 1) {
        const weight = KERNEL[at - x + RADIUS] ?? 0
        sum += weight * (values[y * width + at] ?? 0)
        weights += weight
      }
      turned[x * height + y] = sum / weights
    }
  }
  return turned
}

function half({ values, width, height }: Plane): Plane {
  const [smallWidth, smallHeight] = [Math.max(1, width >> 1), Math.max(1, height >> 1)]
  const small = new Float32Array(smallWidth * smallHeight)
  const at = (x: number, y: number) => values[Math.min(height - 1, y) * width + Math.min(width - 1, x)] ?? 0
  for (let y = 0; y < smallHeight; y += 1)
    for (let x = 0; x < smallWidth; x += 1)
      small[y * smallWidth + x] =
        (at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) + at(2 * x + 1, 2 * y + 1)) / 4
  return { values: small, width: smallWidth, height: smallHeight }
}

function isOpaque({ data }: Frame): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false
  return true
}

/**
 * Returns the OKLab planes (https://bottosson.github.io/posts/oklab/) of a frame on a uniform background,
 * from 0 for black to 1 for white.
 */
function planesOf({ data, width, height }: Frame, ground: number): readonly Plane[] {
  const planes = [0, 1, 2].map(() => new Float32Array(width * height))
  for (let at = 0; at < width * height; at += 1) {
    const alpha = (data[4 * at + 3] ?? 0) / 255
    const light = (channel: number) =>
      linear((alpha * (data[4 * at + channel] ?? 0)) / 255 + (1 - alpha) * ground)
    const [red, green, blue] = [light(0), light(1), light(2)]
    const long = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    const medium = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    const short = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    const lab = [
      0.2104542553 * long + 0.793617785 * medium - 0.0040720468 * short,
      1.9779984951 * long - 2.428592205 * medium + 0.4505937099 * short,
      0.0259040371 * long + 0.7827717662 * medium - 0.808675766 * short,
    ]
    for (const [channel, plane] of planes.entries()) plane[at] = lab[channel] ?? 0
  }
  return planes.map((values) => ({ values, width, height }))
}

function linear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}
