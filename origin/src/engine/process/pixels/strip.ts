export interface AnimationTiming {
  /** How often it plays; 0 is for ever. */
  readonly loop: number
  /** Milliseconds each frame is shown. */
  readonly delay?: number[]
}

/** An animation as Sharp handles one: its frames below each other in one tall RGBA picture. */
export interface Strip {
  readonly data: Uint8Array
  /** Of one frame, in pixels. */
  readonly width: number
  readonly height: number
  readonly timing: AnimationTiming
}

/** The frames of a strip, without copying them. */
export function framesOf({ data, width, height }: Strip): readonly Uint8Array[] {
  const frameBytes = width * height * 4
  return Array.from({ length: data.length / frameBytes }, (_, index) =>
    data.subarray(index * frameBytes, (index + 1) * frameBytes),
  )
}

const OPAQUE = 255

/** Whether anything shows through: a GIF says that it may, whether it does or not. */
export function isTransparent({ data }: Strip): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== OPAQUE) return true
  return false
}
