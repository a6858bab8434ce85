import type { Frame } from 'node-av/lib'
import type { Libav } from './load.ts'

type Properties = Parameters<typeof Frame.fromVideoBuffer>[1]

/**
 * Creates a frame from pixels in memory. The caller frees it. node-av 6.1.1 documents that it copies the
 * pixels, but it makes libav point to them. They are therefore kept as long as the frame; otherwise it would
 * show whatever reuses their memory.
 */
export function frameOfPixels({ library }: Libav, pixels: Buffer, properties: Properties): Frame {
  const frame = library.Frame.fromVideoBuffer(pixels, properties)
  KEPT.set(frame, pixels)
  return frame
}

const KEPT = new WeakMap<Frame, Buffer>()
