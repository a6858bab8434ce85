import { type Failure, failOpenly } from '@media-proxy/shared/response/failure.ts'

/** The limits on a source that are checked before any of it is decoded. */
export interface MediaLimits {
  readonly sourceBytes: number
  readonly decodedBytes: number
  readonly sidePixels: number
  readonly frames: number
}

/** The limits on a source and on the jobs that render it. */
export interface SourceLimits extends MediaLimits {
  /** The largest video that is written to a temporary file, in bytes. */
  readonly temporaryFileBytes: number
  /** The largest AVIF rendition, in pixels. Larger renditions are encoded as WebP. */
  readonly avifPixels: number
  /** The longest clip of a video or an animation, in seconds. */
  readonly clipSeconds: number
  /** The maximum size of a clip, in bytes. A clip ends when it reaches it. */
  readonly clipBytes: number
}

/** The values that a header declares. Nothing else is known before decoding. */
export interface DeclaredSize {
  readonly width: number
  readonly height: number
  readonly bands: number
  readonly bytesPerSample: number
  /** One for a still image, or when only some frames are decoded. */
  readonly decodedFrames: number
}

/**
 * Checks the declared size of an image. The limit is in decoded bytes rather than in pixels: a file of 41
 * bytes can declare 25 megapixels of 16-bit RGBA, and only the number of decoded bytes shows what that costs.
 * Fails with `too-large-dimensions` or `too-many-frames`.
 */
export function validateDeclaredSize(declared: DeclaredSize, limits: MediaLimits): Failure | undefined {
  const { width, height, decodedFrames } = declared
  if (Math.max(width, height) > limits.sidePixels)
    return failOpenly(
      'too-large-dimensions',
      `${width} x ${height} pixels, at most ${limits.sidePixels} a side`,
    )
  if (decodedFrames > limits.frames)
    return failOpenly('too-many-frames', `${decodedFrames} frames, at most ${limits.frames}`)
  const bytes = decodedBytes(declared)
  return bytes > limits.decodedBytes
    ? failOpenly('too-large-dimensions', `it decodes to ${bytes} bytes, at most ${limits.decodedBytes}`)
    : undefined
}

/** Returns the size of the decoded frames, in bytes. */
function decodedBytes({ width, height, bands, bytesPerSample, decodedFrames }: DeclaredSize): number {
  return width * height * bands * bytesPerSample * decodedFrames
}
