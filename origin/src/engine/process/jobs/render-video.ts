/** Renders a video to an image format: a still, an animated preview, or a sprite sheet. */

import type { Sprite } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { Deferred } from '../../jobs.ts'
import type { RenderOptions } from '../../render-options.ts'
import { predictSheet } from '../../video-cost.ts'
import type { Timestamp } from '../container/video-decoder.ts'
import { layoutOf, seeksFaces, sizeOf } from '../image/layout.ts'
import { type Plan, planTransformation } from '../image/plan.ts'
import type { Render } from '../image/render.ts'
import { renderRaw } from '../image/render-image.ts'
import type { MediaSource } from '../source/media-source.ts'
import { frameSize } from '../video/frame-size.ts'
import { POSTER_CANDIDATES, readPoster } from '../video/poster.ts'
import { drawSpriteSheet, SHEET_FRAMES_HELD, sheetSize } from '../video/sprite-sheet.ts'
import { openVideo, timestampOf, type Video, type VideoTools } from '../video/video.ts'
import { deferralOf } from './admission.ts'
import { outputFormat, writtenFormat } from './output-format.ts'
import { costRender, predictVideoStill } from './predict.ts'
import { renderPreview } from './render-preview.ts'
import { type RenderTask, renderOf, renderPixels, untrimmed, validateSize } from './render-request.ts'
import type { Rendered } from './rendered.ts'

/** Makes a rendition of a video. A still goes through the same plan and the same encoders as an image. */
export async function renderVideo(
  source: MediaSource,
  sourceFormat: VideoFormat,
  task: RenderTask,
  tools: VideoTools,
): Promise<Rendered | Deferred | Failure> {
  const { options } = task
  const libav = options.animated ? await tools.libav() : undefined
  if (libav !== undefined) {
    const written = writtenFormat(options.format, 'video')
    // Animated previews of videos are WebP, because encoding AVIF would take too long.
    const format = written === 'avif' ? 'webp' : written
    const preview = await renderPreview(libav, source, sourceFormat, {
      ...task,
      renderOf: (layout) => renderOf(task, format, layout),
    })
    return preview instanceof Uint8Array ? { kind: 'rendered', format, bytes: preview } : preview
  }
  const video = await openVideo(tools, source, sourceFormat)
  if (isFailure(video)) return video
  try {
    const { info } = video
    if (options.sprite !== undefined) return await renderSheet(video, options.sprite, task)
    const layout = layoutOf(options, info.video)
    if (isFailure(layout)) return layout
    const isCut = options.crop !== undefined || options.trim === true || seeksFaces(layout)
    const largest = options.trim ? untrimmed(layout, options, info.video) : layout
    const own = writtenFormat(options.format, 'video')
    const format = outputFormat(own, { frames: 1, layout: largest }, options, {
      limits: tools.limits,
      canAnimateAvif: false,
    })
    const target = renderOf(task, format, largest)
    const samples = options.time === 'best' ? POSTER_CANDIDATES : 0
    const ended =
      validateSize(sizeOf(target), tools.limits) ??
      deferralOf(predictVideoStill(info.video, target, samples), task.admission)
    if (ended !== undefined) return ended
    const timestamp = await requestedTimestamp(video, options)
    if (isFailure(timestamp)) return timestamp
    const frame = await video.readFrame(timestamp, isCut ? undefined : target.plan)
    if (isFailure(frame)) return frame
    const rendered = isCut ? await renderPixels(frame, task, format) : await renderRaw(frame, target)
    return isFailure(rendered) ? rendered : { kind: 'rendered', format, bytes: rendered }
  } finally {
    await video.close()
  }
}

async function renderSheet(
  video: Video,
  sprite: Sprite,
  { options, limits, admission }: RenderTask,
): Promise<Rendered | Deferred | Failure> {
  const { width, height } = options.geometry.kind === 'asset' ? {} : options.geometry
  const frame = planTransformation(video.info.video, {
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    fit: 'inside',
    gravity: 'centre',
  })
  const plan: Plan = { ...sheetSize(frame, sprite), mode: 'exact', gravity: 'centre' }
  const format = outputFormat(
    writtenFormat(options.format, 'video'),
    { frames: 1, layout: { plan } },
    options,
    { limits, canAnimateAvif: false },
  )
  const { quality, blur } = options
  const target: Render = {
    plan,
    format,
    quality,
    animated: false,
    ...(blur === undefined ? {} : { blur }),
  }
  const ended =
    validateSize(plan, limits) ??
    deferralOf(
      predictSheet({
        video: video.info.video,
        decodedSize: frameSize(video.info.video, frame),
        frames: sprite.columns * sprite.rows,
        held: SHEET_FRAMES_HELD,
        render: costRender(target),
      }),
      admission,
    )
  if (ended !== undefined) return ended
  const sheet = await drawSpriteSheet(video, sprite, frame)
  if (isFailure(sheet)) return sheet
  const bytes = await renderRaw(sheet.image, target)
  if (isFailure(bytes)) return bytes
  return { kind: 'rendered', format, bytes, spriteIntervalSeconds: sheet.intervalSeconds }
}

/** Returns the time of the wanted frame. Undefined for the first one. */
async function requestedTimestamp(video: Video, { time }: RenderOptions): Promise<Timestamp | Failure> {
  if (time !== 'best') return timestampOf(time, video.info.durationSeconds)
  const poster = await readPoster(video)
  return isFailure(poster) ? poster : poster.timestampSeconds
}
