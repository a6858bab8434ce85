/** `animated=true` for a video: some of its frames as an animated image. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { Deferred } from '../../jobs.ts'
import { predictPreview } from '../../video-cost.ts'
import { previewSize, spanOf, startSecondsOf } from '../clip/clip-plan.ts'
import { openVideoInput } from '../clip/open-video.ts'
import { coveringSize, playPreview, previewFrameCount } from '../clip/preview.ts'
import { towardsFaces } from '../faces/towards-faces.ts'
import { type Layout, layoutOf, seeksFaces } from '../image/layout.ts'
import type { Render } from '../image/render.ts'
import { renderPlayed } from '../image/render-image.ts'
import type { Libav } from '../libav/load.ts'
import type { MediaSource } from '../source/media-source.ts'
import { maxPixels } from '../video/frame-size.ts'
import { deferralOf } from './admission.ts'
import { costRender } from './predict.ts'
import type { RenderTask } from './render-request.ts'

/** In seconds. */
const DEFAULT_DURATION = 4
const MAX_DURATION = 10
/** Frames per second. */
const DEFAULT_RATE = 15
const GIF_UNIT_MS = 10

export interface PreviewTask extends Pick<RenderTask, 'options' | 'limits' | 'admission'> {
  /** Returns the render for a layout. */
  readonly renderOf: (layout: Layout) => Render
}

/**
 * Makes the preview of a video in an animated format, or returns its cost when that exceeds the admitted
 * cost. Fails with the failures of the video.
 */
export async function renderPreview(
  libav: Libav,
  source: MediaSource,
  sourceFormat: VideoFormat,
  { options, limits, admission, renderOf }: PreviewTask,
): Promise<Uint8Array | Deferred | Failure> {
  const opened = openVideoInput(libav, source, sourceFormat, limits)
  if (isFailure(opened)) return opened
  using input = opened
  const { video, durationSeconds } = input.info
  const span = spanOf({
    startSeconds: startSecondsOf(options.time, durationSeconds),
    seconds: Math.min(MAX_DURATION, (options.durationMs ?? DEFAULT_DURATION * 1000) / 1000),
    durationSeconds,
  })
  // A recording of a screen may have one frame for minutes, and sixty in the next second.
  const frameRate = Math.min(options.fps ?? DEFAULT_RATE, input.highestFrameRate)
  const layout = layoutOf(options, video)
  if (isFailure(layout)) return layout
  const render = renderOf({ ...layout, plan: previewSize(layout.plan, options.geometry) })
  // The used part is given in pixels of the full size.
  const size =
    render.part === undefined
      ? coveringSize(video, render.plan)
      : { width: video.width, height: video.height }
  const deferred = deferralOf(
    predictPreview({
      coded: { codec: video.codec, width: video.codedWidth, height: video.codedHeight },
      frames: input.frameRate * (span.endSeconds - span.startSeconds),
      decodedSize: size,
      render: { ...costRender(render), frames: previewFrameCount(span, frameRate) },
    }),
    admission,
  )
  if (deferred !== undefined) return deferred
  const timeUnitMs = render.format === 'gif' ? GIF_UNIT_MS : 1
  const played = playPreview(libav, input, {
    video,
    size,
    span,
    frameRate,
    timeUnitMs,
    maxPixels: maxPixels(limits),
  })
  if (isFailure(played)) return played
  const [first] = played.frames
  // Faces are searched in the first frame, and every frame is cropped at the same position.
  const found = seeksFaces(render) && first !== undefined ? await towardsFaces(render, size, first) : render
  if (isFailure(found)) return found
  const info = { ...size, hasAlpha: video.hasAlpha, palette: false, lossless: false }
  return renderPlayed(played, info, { ...render, ...found })
}
