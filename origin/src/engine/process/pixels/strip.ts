export interface AnimationTiming {
  /** How often it plays; 0 means forever. */
  readonly loop: number
  /** The duration of each frame, in milliseconds. */
  readonly delay?: number[]
}

/** An animation in Sharp's representation: its frames stacked in one tall RGBA image. */
export interface Strip {
  readonly data: Uint8Array
  /** The size of one frame, in pixels. */
  readonly width: number
  readonly height: number
  readonly timing: AnimationTiming
}

/** Returns the frames of a strip without copying them. */
export function framesOf({ data, width, height }: Strip): readonly Uint8Array[] {
  const frameBytes = width * height * 4
  return Array.from({ length: data.length / frameBytes }, (_, index) =>
    data.subarray(index * frameBytes, (index + 1) * frameBytes),
  )
}

const OPAQUE = 255

/** Whether any of some RGBA pixels is transparent. */
export function isTransparent(rgba: Uint8Array): boolean {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== OPAQUE) return true
  return false
}
