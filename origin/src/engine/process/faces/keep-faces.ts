import type { Size } from '../../../media/size.ts'
import type { Layout, Part } from '../image/layout.ts'

/**
 * Converts a crop to the part of the source that keeps the faces in its centre and has the proportions of the
 * plan. Crops by attention when no face is in the part that is seen.
 */
export function keepFaces(layout: Layout, source: Size, found: readonly Part[]): Layout {
  const { plan, part: seen = { left: 0, top: 0, ...source } } = layout
  const faces = found.filter((face) => isWithin(centreOf(face), seen))
  if (faces.length === 0) return { ...layout, plan: { ...plan, gravity: 'attention' } }
  const scale = Math.max(plan.width / seen.width, plan.height / seen.height)
  const width = Math.min(seen.width, Math.round(plan.width / scale))
  const height = Math.min(seen.height, Math.round(plan.height / scale))
  const all = around(faces)
  // If not all faces fit, the largest one is kept.
  const { x, y } = centreOf(all.width <= width && all.height <= height ? all : largestOf(faces))
  const left = clamp(Math.round(x - width / 2), seen.left, seen.left + seen.width - width)
  const top = clamp(Math.round(y - height / 2), seen.top, seen.top + seen.height - height)
  return {
    ...layout,
    part: { left, top, width, height },
    plan: { ...plan, mode: 'exact', gravity: 'centre' },
  }
}

interface Point {
  readonly x: number
  readonly y: number
}

function centreOf({ left, top, width, height }: Part): Point {
  return { x: left + width / 2, y: top + height / 2 }
}

function isWithin({ x, y }: Point, { left, top, width, height }: Part): boolean {
  return x >= left && y >= top && x <= left + width && y <= top + height
}

function around(parts: readonly Part[]): Part {
  const left = Math.min(...parts.map((part) => part.left))
  const top = Math.min(...parts.map((part) => part.top))
  const right = Math.max(...parts.map((part) => part.left + part.width))
  const bottom = Math.max(...parts.map((part) => part.top + part.height))
  return { left, top, width: right - left, height: bottom - top }
}

function largestOf(parts: readonly Part[]): Part {
  return parts.reduce((largest, part) => (part.width > largest.width ? part : largest))
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}
