/** From a source to the bytes of its rendition: header, limits, cost, plan, render. */

import { type ImageFormat, isClipFormat, type RenditionFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ImageFormat as SourceFormat, VideoFormat } from '../../media/kinds.ts'
import type { Cost, Deferred, RenderJob } from '../jobs.ts'
import type { RenderOptions } from '../render-options.ts'
import { type Admission, admit } from './admit.ts'
import { renderClip } from './clip/render-clip.ts'
import { renderPreview } from './clip/render-preview.ts'
import type { Moment } from './container/video-decoder.ts'
import { isBare } from './image/bare.ts'
import { type ImageInfo, validateInfo } from './image/inspect.ts'
import { keepsSize, type Plan, planOf, type Size } from './image/plan.ts'
import { keepsAnimation, type Render, renderImage, renderPlayed, renderRaw } from './image/render-image.ts'
import { readSequence } from './image/sequence.ts'
import { openPicture } from './open-picture.ts'
import { costOfPicture, costOfStill, type SeenBytes } from './predict.ts'
import type { MediaSource } from './source/media-source.ts'
import { createStillDecoder } from './stills.ts'
import { playSequence } from './video/play-sequence.ts'
import { POSTER_CANDIDATES, readPoster } from './video/poster.ts'
import { momentOf, openVideo, type Video, type VideoTools } from './video/video.ts'

export interface Rendered {
  readonly kind: 'rendered'
  readonly format: RenditionFormat
  /** Undefined where the source itself is the rendition. */
  readonly bytes: Uint8Array | undefined
}

/**
 * Makes a rendition of a source, or tells its cost where that is more than was admitted. Fails as the kind of source
 * does, or because it is none that can be seen.
 */
export async function render(
  source: MediaSource,
  job: Pick<RenderJob, 'options' | 'renderQuality' | 'allowance' | 'limits'>,
  tools: VideoTools,
  tellCost: (cost: Cost) => void,
): Promise<Rendered | Deferred | Failure> {
  const { kind } = source
  const { options } = job
  const admission = { allowance: job.allowance, tellCost }
  if (options.imagesOnly && kind?.kind !== 'image') return fail('undecodable', `content is ${kind?.format}`)
  if (isClipFormat(options.format)) return renderClip(source, options.format, job, tools, admission)
  switch (kind?.kind) {
    case undefined:
      return fail('unsupported-format')
    case 'audio':
      return fail('not-visual')
    case 'video':
      return renderVideo(source, kind.format, job, tools, admission)
    case 'image':
      return renderPicture(source, kind.format, job, tools, admission)
  }
}

type WantedRender = Pick<RenderJob, 'options' | 'renderQuality' | 'limits'>

async function renderPicture(
  source: MediaSource,
  sourceFormat: SourceFormat,
  job: WantedRender,
  tools: VideoTools,
  admission: Admission,
): Promise<Rendered | Deferred | Failure> {
  const { limits } = tools
  const { options } = job
  const wantedOf = (info: ImageInfo) => {
    const plan = planOf(options.geometry, info)
    const format = outputFormat(writtenFormat(options.format, sourceFormat), info, options, plan, tools)
    return renderOf(job, format, plan)
  }
  const opened = await openPicture(source, {
    format: sourceFormat,
    maxBytes: limits.sourceBytes,
    validate(info, seen) {
      const wanted = wantedOf(info)
      return (
        validateInfo(info.drawing === undefined ? info : { ...info, ...sizeOf(wanted.plan) }, {
          limits,
          animated: keepsAnimation(info, wanted),
        }) ??
        (mayBeUntouched(info, options, wanted) ? undefined : admit(costOf(info, wanted, seen), admission))
      )
    },
  })
  if (!('info' in opened)) return opened
  const { bytes, info } = opened
  const wanted = wantedOf(info)
  const { format } = wanted
  if (mayBeUntouched(info, options, wanted)) {
    if (!opened.damaged && isBare(bytes, info.format)) return { kind: 'rendered', format, bytes: undefined }
    const deferred = admit(costOf(info, wanted, { bytes, sizeBytes: bytes.length }), admission)
    if (deferred !== undefined) return deferred
  }
  const rendered =
    (await renderSequence(bytes, info, wanted, tools)) ??
    (await renderImage(bytes, info, wanted, createStillDecoder(tools)))
  return isFailure(rendered) ? rendered : { kind: 'rendered', format, bytes: rendered }
}

function sizeOf({ width, height }: Plan): Size {
  return { width, height }
}

function costOf(info: ImageInfo, wanted: Render, seen: SeenBytes): Cost {
  return costOfPicture(info, wanted, keepsAnimation(info, wanted) ? info.frames : 1, seen)
}

/** Undefined for what is no animated AVIF, or is to be a still, or does not play: then its still is rendered. */
async function renderSequence(
  bytes: Uint8Array,
  info: ImageInfo,
  wanted: Render,
  tools: VideoTools,
): Promise<Uint8Array | Failure | undefined> {
  const sequence = info.format === 'avif' && keepsAnimation(info, wanted) ? readSequence(bytes) : undefined
  if (sequence === undefined) return undefined
  const played = await playSequence(tools, sequence, info)
  const rendered = isFailure(played) ? played : await renderPlayed(played, info, wanted)
  return isFailure(rendered) && UNPLAYABLE.has(rendered.code) ? undefined : rendered
}

const UNPLAYABLE: ReadonlySet<string> = new Set([
  'undecodable',
  'unsupported-codec',
  'not-visual',
  'not-ready',
])

/** What is no output format itself (SVG, TIFF, HEIC, a still of a video) becomes WebP. */
function writtenFormat(wanted: RenderOptions['format'], source: SourceFormat | 'video'): ImageFormat {
  if (wanted !== 'source' && !isClipFormat(wanted)) return wanted
  switch (source) {
    case 'png':
    case 'jpeg':
    case 'webp':
    case 'gif':
    case 'avif':
      return source
    case 'svg':
    case 'tiff':
    case 'heic':
    case 'jxl':
    case 'bmp':
    case 'video':
      return 'webp'
  }
}

function movingFormat(format: ImageFormat): ImageFormat {
  return format === 'avif' ? 'webp' : format
}

/** AVIF is encoded as a still only, and only up to a size: what moves and what is larger is WebP. */
function outputFormat(
  format: ImageFormat,
  { frames }: Pick<ImageInfo, 'frames'>,
  { animated }: RenderOptions,
  plan: Plan,
  { limits }: VideoTools,
): ImageFormat {
  if (format !== 'avif') return format
  return (animated && frames > 1) || plan.width * plan.height > limits.avifPixels ? 'webp' : format
}

/** A still of a video goes through the same plan and the same encoders as a picture. */
async function renderVideo(
  source: MediaSource,
  sourceFormat: VideoFormat,
  job: WantedRender,
  tools: VideoTools,
  admission: Admission,
): Promise<Rendered | Deferred | Failure> {
  const { options } = job
  const libav = options.animated ? await tools.libav() : undefined
  if (libav !== undefined) {
    const format = movingFormat(writtenFormat(options.format, 'video'))
    const preview = await renderPreview(libav, source, sourceFormat, format, job, admission)
    return preview instanceof Uint8Array ? { kind: 'rendered', format, bytes: preview } : preview
  }
  const video = await openVideo(tools, source, sourceFormat)
  if (isFailure(video)) return video
  try {
    const { info } = video
    const plan = planOf(options.geometry, info.video)
    const format = outputFormat(writtenFormat(options.format, 'video'), { frames: 1 }, options, plan, tools)
    const wanted = renderOf(job, format, plan)
    const samples = options.time === 'best' ? POSTER_CANDIDATES : 0
    const deferred = admit(costOfStill(info.video, wanted, samples), admission)
    if (deferred !== undefined) return deferred
    const moment = await askedMoment(video, options)
    if (isFailure(moment)) return moment
    const frame = await video.readFrame(moment, plan)
    if (isFailure(frame)) return frame
    const rendered = await renderRaw(frame, wanted)
    return isFailure(rendered) ? rendered : { kind: 'rendered', format, bytes: rendered }
  } finally {
    await video.close()
  }
}

/** When the wanted frame is shown; undefined for the first one. */
async function askedMoment(video: Video, { time }: RenderOptions): Promise<Moment | Failure> {
  if (time !== 'best') return momentOf(time, video.info.durationSeconds)
  const poster = await readPoster(video)
  return isFailure(poster) ? poster : poster.timestampSeconds
}

function renderOf({ options, renderQuality }: WantedRender, format: ImageFormat, plan: Plan): Render {
  const { quality, animated, blur } = options
  const fast = renderQuality === 'fast'
  return { plan, format, quality, animated, fast, ...(blur === undefined ? {} : { blur }) }
}

/** Original bytes are the best rendition there is, where nothing has to change and nothing has to be hidden. */
function mayBeUntouched(info: ImageInfo, options: RenderOptions, { format, plan }: Render): boolean {
  return (
    info.format === format &&
    keepsSize(plan, info) &&
    !options.qualityAsked &&
    options.blur === undefined &&
    info.orientation === 1 &&
    info.plainColours &&
    (info.frames === 1 || options.animated)
  )
}
