/** Converts a focal point of an image to the parameters that keep it visible. */

/** A point in fractions of the upright source, from its top left. */
export interface FocalPoint {
  readonly x: number
  readonly y: number
}

export interface TargetBox {
  /** The size of the source. */
  readonly width: number
  readonly height: number
  /** The aspect ratio of the wanted rendition. Undefined when at most one side is set. */
  readonly ratio: number | undefined
}

/** Without a ratio, the crop has this fraction of each side, around the point. */
const CLOSE_UP = 0.5
/** A crop that is closer than this to the crop of a gravity counts as the same. */
const SAME_PLACE = 0.01

/** Returns `gravity` when one of its values makes this crop, otherwise `crop`. The other one is undefined. */
export function parametersOfPoint(
  point: FocalPoint,
  { width, height, ratio }: TargetBox,
): { readonly gravity: string | undefined; readonly crop: string | undefined } {
  const own = width / height
  const w = ratio === undefined ? CLOSE_UP : Math.min(1, ratio / own)
  const h = ratio === undefined ? CLOSE_UP : Math.min(1, own / ratio)
  const x = Math.min(1 - w, Math.max(0, point.x - w / 2))
  const y = Math.min(1 - h, Math.max(0, point.y - h / 2))
  const gravity = ratio === undefined ? undefined : gravityOf(x / (1 - w), y / (1 - h))
  if (gravity !== undefined) return { gravity, crop: undefined }
  return { gravity: undefined, crop: [x, y, w, h].map(share).join(',') }
}

/**
 * Returns the gravity of a crop. A crop to a ratio cuts only one side. The position along the other side is 0
 * / 0, which is NaN.
 */
function gravityOf(x: number, y: number): string | undefined {
  const at = (place: number, there: number) => Number.isNaN(place) || Math.abs(place - there) < SAME_PLACE
  if (at(x, 0.5) && at(y, 0.5)) return 'centre'
  if (Number.isNaN(y)) return at(x, 0) ? 'west' : at(x, 1) ? 'east' : undefined
  if (Number.isNaN(x)) return at(y, 0) ? 'north' : at(y, 1) ? 'south' : undefined
  return undefined
}

function share(value: number): string {
  // Rounds down, so that no crop extends beyond the edge.
  return String(Math.floor(value * 1000 + 1e-9) / 1000)
}
