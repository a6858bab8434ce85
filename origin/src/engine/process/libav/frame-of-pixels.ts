import type { Frame } from 'node-av/lib'
import type { Libav } from './load.ts'

type Properties = Parameters<typeof Frame.fromVideoBuffer>[1]

/**
 * A picture of pixels that are in memory already; the caller frees it. node-av 6.1.1 says that it copies them, and lets libav
 * point to them: they stay for as long as the frame does, or it would have what comes in their place.
 */
export function frameOfPixels({ library }: Libav, pixels: Buffer, properties: Properties): Frame {
  const frame = library.Frame.fromVideoBuffer(pixels, properties)
  KEPT.set(frame, pixels)
  return frame
}

const KEPT = new WeakMap<Frame, Buffer>()
