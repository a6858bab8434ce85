/** Converts a decoded frame, and the alpha that was decoded with it, to raw pixels. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { Size } from '../../../media/size.ts'
import { coloursOf, mergeColours } from '../colours/colours.ts'
import type { VideoInfo } from '../container/container.ts'
import { alphaFilters, frameFilters } from '../container/filters.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { createConverter, type FrameProperties } from './convert.ts'
import type { Libav } from './load.ts'
import { setAlpha } from './pixels.ts'

export interface PainterOptions {
  readonly video: VideoInfo
  /** The size of the result, upright. */
  readonly size: Size
}

export interface Painter extends Disposable {
  /**
   * Returns the upright RGB or RGBA pixels of a frame. The alpha is the luma of `mask`, or the frame's own
   * when the video has alpha and there is no mask. Fails with `undecodable`.
   */
  paint(frame: Frame, mask?: Frame): RawImage | Failure
}

const RGBA = 4

/** Creates a painter for the frames of one video. The caller disposes of it. */
export function createPainter(libav: Libav, { video, size }: PainterOptions): Painter {
  const { width, height } = size
  const filtersFor = (frame: FrameProperties) =>
    frameFilters({
      video: { ...video, colours: mergeColours(video.colours, coloursOf(frame)) },
      size,
      coded: frame,
      toneMaps: true,
    })
  const plain = createConverter(libav, { filtersFor, pixels: 'rgb24' })
  const transparent = createConverter(libav, { filtersFor, pixels: 'rgba' })
  const masks = createConverter(libav, { filtersFor: () => alphaFilters({ video, size }), pixels: 'gray' })
  return {
    paint(frame, mask) {
      const channels = video.hasAlpha ? RGBA : 3
      const data = (video.hasAlpha ? transparent : plain).convert(frame)
      if (isFailure(data)) return data
      const alpha = mask === undefined ? undefined : masks.convert(mask)
      if (isFailure(alpha)) return alpha
      if (alpha !== undefined && channels === RGBA) setAlpha(data, alpha, 1)
      return { data, width, height, channels }
    },
    [Symbol.dispose]() {
      plain[Symbol.dispose]()
      transparent[Symbol.dispose]()
      masks[Symbol.dispose]()
    },
  }
}
