/** From the point of a picture that matters to the parameters that keep it. */

/** Shares of the upright source, from its top left. */
export interface FocalPoint {
  readonly x: number
  readonly y: number
}

export interface Wanted {
  /** Of the source. */
  readonly width: number
  readonly height: number
  /** Width by height of what is wanted; undefined where only one side is, or none. */
  readonly ratio: number | undefined
}

/** Without a ratio the half of each side around the point. */
const CLOSE_UP = 0.5
/** Nearer than this a cut is the one that a gravity makes. */
const SAME_PLACE = 0.01

/** `gravity` where one of its words cuts there, else `crop`; what is not wanted is undefined. */
export function parametersOfPoint(
  point: FocalPoint,
  { width, height, ratio }: Wanted,
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

/** A cut takes from one side only: the other is whole, its place 0 of 0. */
function gravityOf(x: number, y: number): string | undefined {
  const at = (place: number, there: number) => Number.isNaN(place) || Math.abs(place - there) < SAME_PLACE
  if (at(x, 0.5) && at(y, 0.5)) return 'centre'
  if (Number.isNaN(y)) return at(x, 0) ? 'west' : at(x, 1) ? 'east' : undefined
  if (Number.isNaN(x)) return at(y, 0) ? 'north' : at(y, 1) ? 'south' : undefined
  return undefined
}

function share(value: number): string {
  // Down, so that no part reaches over the edge.
  return String(Math.floor(value * 1000 + 1e-9) / 1000)
}
