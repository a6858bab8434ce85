import { type Failure, failWithHint } from '@media-proxy/shared/response/failure.ts'

/** The limits on a source, checked before any of it is decoded. */
export interface MediaLimits {
  readonly sourceBytes: number
  /** The largest decoded size of one frame. The memory and time of many are predicted for each job. */
  readonly decodedBytes: number
  readonly sidePixels: number
  readonly frames: number
}

/** The limits on a source and on a job. */
export interface SourceLimits extends MediaLimits {
  /** The largest video that is written to a temporary file, in bytes. */
  readonly temporaryFileBytes: number
  /** The largest rendition in AVIF, in pixels. Larger ones are encoded as WebP. */
  readonly avifPixels: number
  /** The longest clip of a video or an animation, in seconds. */
  readonly clipSeconds: number
  /** The size at which a clip ends, in bytes. */
  readonly clipBytes: number
}

/** What a header declares, which is all that is known before decoding. */
export interface DeclaredSize {
  readonly width: number
  readonly height: number
  readonly bands: number
  readonly bytesPerSample: number
  /** 1 for an image that is not animated, or of which only single frames are decoded. */
  readonly decodedFrames: number
}

/**
 * Validates what a header declares. Pixels are not a sufficient measure: a file of 41 bytes can declare 25
 * megapixels of 16-bit RGBA, and only the decoded bytes determine the cost. Fails with `too-large-dimensions`
 * or `too-many-frames`.
 */
export function validateDeclaredSize(declared: DeclaredSize, limits: MediaLimits): Failure | undefined {
  const { width, height, bands, bytesPerSample, decodedFrames } = declared
  if (Math.max(width, height) > limits.sidePixels)
    return failWithHint(
      'too-large-dimensions',
      `${width} x ${height} pixels, at most ${limits.sidePixels} a side`,
    )
  if (decodedFrames > limits.frames)
    return failWithHint('too-many-frames', `${decodedFrames} frames, at most ${limits.frames}`)
  const bytes = width * height * bands * bytesPerSample
  return bytes > limits.decodedBytes
    ? failWithHint(
        'too-large-dimensions',
        `a frame decodes to ${bytes} bytes, at most ${limits.decodedBytes}`,
      )
    : undefined
}
