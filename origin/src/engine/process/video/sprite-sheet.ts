/** `sprite=<columns>x<rows>`: evenly spaced frames of a film in one picture, for the scrubber of a player. */

import type { Sprite } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from '../container/video-decoder.ts'
import type { Size } from '../image/plan.ts'
import type { RawPicture } from '../image/raw-picture.ts'
import { openRaw } from '../image/render-stages.ts'
import type { Video } from './video.ts'

export interface SpriteSheet {
  readonly picture: RawPicture
  /** Seconds of the film from one frame to the next. */
  readonly intervalSeconds: number
}

/** Size of a sheet whose frames have a size. */
export function sheetSize(frame: Size, { columns, rows }: Sprite): Size {
  return { width: frame.width * columns, height: frame.height * rows }
}

/** How far apart the frames are; a film that tells no duration has its first frame in every place. */
export function spriteInterval(durationSeconds: number | undefined, { columns, rows }: Sprite): number {
  return (durationSeconds ?? 0) / (columns * rows)
}

/**
 * Draws a sheet, row after row: each frame is the one that is shown at the start of its part of the film. What does not decode
 * is shown as the frame before. Fails as `Video.readFrame` does where none decodes.
 */
export async function drawSpriteSheet(
  video: Video,
  sprite: Sprite,
  size: Size,
): Promise<SpriteSheet | Failure> {
  const intervalSeconds = spriteInterval(video.info.durationSeconds, sprite)
  const moments = Array.from({ length: sprite.columns * sprite.rows }, (_, index) => index * intervalSeconds)
  const read = await video.readFrames(moments, size)
  const first = read.find((frame): frame is Frame => !isFailure(frame))
  if (first === undefined) return read[0] !== undefined && isFailure(read[0]) ? read[0] : fail('undecodable')
  const { width, height } = sheetSize(size, sprite)
  const data = Buffer.alloc(width * height * 4)
  let shown = first
  for (const [index, frame] of read.entries()) {
    if (!isFailure(frame)) shown = frame
    const tile = await openRaw(shown)
      .resize(size.width, size.height, { fit: 'fill' })
      .ensureAlpha()
      .raw()
      .toBuffer()
    const left = (index % sprite.columns) * size.width
    const top = Math.floor(index / sprite.columns) * size.height
    for (let row = 0; row < size.height; row += 1)
      tile.copy(data, ((top + row) * width + left) * 4, row * size.width * 4, (row + 1) * size.width * 4)
  }
  return { picture: { data, width, height, channels: 4 }, intervalSeconds }
}
