import { type Failure, failOpenly } from '@media-proxy/shared/response/failure.ts'

/** What a source may cost before anything of it is decoded. */
export interface MediaLimits {
  readonly sourceBytes: number
  readonly decodedBytes: number
  readonly sidePixels: number
  readonly frames: number
}

/** What a job may cost beside that. */
export interface SourceLimits extends MediaLimits {
  /** Largest video that is put into a temporary file. */
  readonly temporaryFileBytes: number
  /** Largest rendition in AVIF, in pixels; what is larger is answered as WebP. */
  readonly avifPixels: number
  /** Longest clip of a film or an animation, in seconds. */
  readonly clipSeconds: number
  /** A clip ends where it has so many bytes. */
  readonly clipBytes: number
}

/** What a header declares, which is all that is known before decoding. */
export interface DeclaredSize {
  readonly width: number
  readonly height: number
  readonly bands: number
  readonly bytesPerSample: number
  /** Of a picture that does not move, or of which only some frames are looked at, one. */
  readonly decodedFrames: number
}

/**
 * Checks what a header declares. Not by pixels: a file of 41 bytes can declare 25 megapixels of 16-bit RGBA,
 * and only the bytes they decode to tell what that costs. Fails with `too-large-dimensions` or `too-many-frames`.
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

/** Bytes of the decoded frames. */
function decodedBytes({ width, height, bands, bytesPerSample, decodedFrames }: DeclaredSize): number {
  return width * height * bands * bytesPerSample * decodedFrames
}
