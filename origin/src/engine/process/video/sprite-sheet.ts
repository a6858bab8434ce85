/**
 * A sprite sheet (`sprite=<columns>x<rows>`): evenly spaced frames of a video in one image, for the scrubber
 * of a player.
 */

import type { Sprite } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import type { Frame } from '../container/video-decoder.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { Video } from './video.ts'

export interface SpriteSheet {
  readonly image: RawImage
  /** The seconds of the video between two frames. */
  readonly intervalSeconds: number
}

/** Returns the size of a sheet with frames of this size. */
export function sheetSize(frame: Size, { columns, rows }: Sprite): Size {
  return { width: frame.width * columns, height: frame.height * rows }
}

/**
 * Returns the seconds between two frames. A video that declares no duration shows its first frame in every
 * place.
 */
function spriteInterval(durationSeconds: number | undefined, { columns, rows }: Sprite): number {
  return (durationSeconds ?? 0) / (columns * rows)
}

/**
 * The number of frames that are read at a time. A 4K frame is 33 MB, and frames read together need only one
 * pass through the video.
 */
export const SHEET_FRAMES_HELD = 4

/**
 * Draws a sheet, row after row. Each frame is the one shown at the start of its part of the video. A frame
 * that cannot be decoded is replaced by the one before. Fails as `Video.readFrame` does when none can be
 * decoded.
 */
export async function drawSpriteSheet(
  video: Video,
  sprite: Sprite,
  size: Size,
): Promise<SpriteSheet | Failure> {
  const intervalSeconds = spriteInterval(video.info.durationSeconds, sprite)
  const timestamps = Array.from(
    { length: sprite.columns * sprite.rows },
    (_, index) => index * intervalSeconds,
  )
  const { width, height } = sheetSize(size, sprite)
  const data = Buffer.alloc(width * height * 4)
  let shown: Buffer | undefined
  let failure: Failure | undefined
  /** The cells before the first frame that can be decoded, which show that frame. */
  const waiting: number[] = []
  for (let start = 0; start < timestamps.length; start += SHEET_FRAMES_HELD) {
    const read = await video.readFrames(timestamps.slice(start, start + SHEET_FRAMES_HELD), size)
    for (const [at, frame] of read.entries()) {
      if (isFailure(frame)) failure ??= frame
      else shown = await tileOf(frame, size)
      waiting.push(start + at)
      if (shown === undefined) continue
      for (const cell of waiting.splice(0)) draw(shown, cell)
    }
  }
  if (shown === undefined) return failure ?? fail('undecodable')
  return { image: { data, width, height, channels: 4 }, intervalSeconds }

  function draw(tile: Buffer, cell: number): void {
    const left = (cell % sprite.columns) * size.width
    const top = Math.floor(cell / sprite.columns) * size.height
    for (let row = 0; row < size.height; row += 1)
      tile.copy(data, ((top + row) * width + left) * 4, row * size.width * 4, (row + 1) * size.width * 4)
  }
}

function tileOf(frame: Frame, { width, height }: Size): Promise<Buffer> {
  return openRaw(frame).resize(width, height, { fit: 'fill' }).ensureAlpha().raw().toBuffer()
}
