import type { Size } from '../../../../media/size.ts'

export interface JpegFrame extends Size {
  /** The samples of all channels per pixel: 3 without chroma subsampling, 1.5 with 4:2:0. */
  readonly samplesPerPixel: number
}

/** Markers for tables and conditioning within the range of the frame markers (ITU-T T.81, table B.1). */
const NO_FRAMES: ReadonlySet<number> = new Set([0xc4, 0xc8, 0xcc])

/**
 * Reads the frame header (ITU-T T.81, section B.2.2). Undefined when it is not within the given bytes, or when
 * a marker before it has no length: decoders disagree on what follows one, so that a file could show them
 * another frame header.
 */
export function jpegFrame(bytes: Uint8Array): JpegFrame | undefined {
  const jpeg = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 2; at + 10 <= jpeg.length && jpeg[at] === 0xff; at += 2 + jpeg.readUInt16BE(at + 2)) {
    // Any number of fill bytes may precede a marker (section B.1.1.2).
    while (jpeg[at + 1] === 0xff) at += 1
    if (at + 10 > jpeg.length) return undefined
    const marker = jpeg[at + 1] ?? 0
    if (!hasLength(marker)) return undefined
    if (marker < 0xc0 || marker > 0xcf || NO_FRAMES.has(marker)) continue
    const components = jpeg.subarray(at + 10, at + 10 + 3 * (jpeg[at + 9] ?? 0))
    return {
      width: jpeg.readUInt16BE(at + 7),
      height: jpeg.readUInt16BE(at + 5),
      samplesPerPixel: samplesPerPixel(components),
    }
  }
  return undefined
}

/** Whether a marker starts a segment, unlike stuffed bytes, `TEM`, restart markers, and the start and end. */
function hasLength(marker: number): boolean {
  return marker >= 0xc0 && (marker < 0xd0 || marker > 0xd9)
}

function samplesPerPixel(components: Buffer): number {
  let [samples, across, down] = [0, 1, 1]
  for (let at = 1; at < components.length; at += 3) {
    const factors = components[at] ?? 0
    const [horizontal, vertical] = [factors >> 4, factors & 15]
    samples += horizontal * vertical
    across = Math.max(across, horizontal)
    down = Math.max(down, vertical)
  }
  return samples / (across * down)
}
