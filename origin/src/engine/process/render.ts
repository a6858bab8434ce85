/** From a source to the bytes of its rendition: header, limits, cost, plan, render. */

import { type ImageFormat, isClipFormat } from '@media-proxy/shared/formats.ts'
import { hasQuality } from '@media-proxy/shared/request/image-operations.ts'
import type { Sprite } from '@media-proxy/shared/request/media-request.ts'
import { MAX_SIDE_PIXELS } from '@media-proxy/shared/request/parameters.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ImageFormat as SourceFormat, VideoFormat } from '../../media/kinds.ts'
import type { SourceLimits } from '../../media/limits.ts'
import type { Cost, Deferred, RenderJob } from '../jobs.ts'
import type { RenderOptions } from '../render-options.ts'
import { type Admission, admit } from './admit.ts'
import type { Moment } from './container/video-decoder.ts'
import { towardsFaces } from './faces/towards-faces.ts'
import { isBare } from './image/bare.ts'
import { cutPixels } from './image/cut-pixels.ts'
import { type DecodeStill, decodePicture } from './image/decode.ts'
import { type ImageInfo, validateInfo } from './image/inspect.ts'
import {
  drawnWhole,
  isRightAngle,
  keepsPixels,
  type Layout,
  largestPlan,
  layoutOf,
  seeksFaces,
  sizeOf,
} from './image/layout.ts'
import { openFile } from './image/open-file.ts'
import { type Plan, planTransformation, type Size, swapped } from './image/plan.ts'
import type { RawPicture } from './image/raw-picture.ts'
import { keepsAnimation, type Render, renderImage, renderPlayed, renderRaw } from './image/render-image.ts'
import { pixelsOf } from './image/render-stages.ts'
import { readSequence } from './image/sequence.ts'
import { openPicture } from './open-picture.ts'
import { costOfPicture, costOfStill, type SeenBytes } from './predict.ts'
import { renderClip } from './render-clip.ts'
import { renderPreview } from './render-preview.ts'
import type { Rendered } from './rendered.ts'
import type { MediaSource } from './source/media-source.ts'
import { createStillDecoder } from './stills.ts'
import { playSequence } from './video/play-sequence.ts'
import { POSTER_CANDIDATES, readPoster } from './video/poster.ts'
import { drawSpriteSheet, sheetSize } from './video/sprite-sheet.ts'
import { momentOf, openVideo, type Video, type VideoTools } from './video/video.ts'

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
  if (options.sprite !== undefined && kind?.kind === 'image')
    return fail('not-visual', 'a sheet of a picture')
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
  const wantedOf = (info: ImageInfo) => wantedPicture(info, job, tools)
  const opened = await openPicture(source, {
    format: sourceFormat,
    maxBytes: limits.sourceBytes,
    validate(info, seen) {
      const wanted = wantedOf(info)
      if (isFailure(wanted)) return wanted
      return (
        validateSize(sizeOf(wanted.render), limits) ??
        validateInfo(wanted.drawn, { limits, animated: keepsAnimation(info, wanted.render) }) ??
        (mayBeUntouched(info, options, wanted.render, seen.sizeBytes)
          ? undefined
          : admit(costOf(info, wanted, seen), admission))
      )
    },
  })
  if (!('info' in opened)) return opened
  const { bytes, info } = opened
  const wanted = wantedOf(info)
  if (isFailure(wanted)) return wanted
  const { format } = wanted.render
  if (mayBeUntouched(info, options, wanted.render, bytes.length)) {
    if (!opened.damaged && isBare(bytes, info.format)) return { kind: 'rendered', format, bytes: undefined }
    const deferred = admit(costOf(info, wanted, { bytes, sizeBytes: bytes.length }), admission)
    if (deferred !== undefined) return deferred
  }
  const rendered = wanted.cutLate
    ? await renderCut(bytes, info, wanted, job, tools)
    : await renderWhole(bytes, info, wanted.render, tools)
  return isFailure(rendered) ? rendered : { kind: 'rendered', format, bytes: rendered }
}

async function renderWhole(
  bytes: Uint8Array,
  info: ImageInfo,
  wanted: Render,
  tools: VideoTools,
): Promise<Uint8Array | Failure> {
  const decodeStill = createStillDecoder(tools)
  const layout = await cutLayout(bytes, info, wanted, decodeStill)
  if (isFailure(layout)) return layout
  const render = { ...wanted, ...layout }
  return (
    (await renderSequence(bytes, info, render, tools)) ??
    (await renderImage(bytes, info, render, decodeStill))
  )
}

/** Where the cut goes, if that takes a look at the picture. A drawing is drawn first, and cut then: as attention does. */
async function cutLayout(
  bytes: Uint8Array,
  info: ImageInfo,
  wanted: Render,
  decodeStill: DecodeStill,
): Promise<Layout | Failure> {
  if (!seeksFaces(wanted)) return wanted
  if (info.drawing !== undefined) return { ...wanted, plan: { ...wanted.plan, gravity: 'attention' } }
  const looked = await decodePicture(bytes, info, LOOK, decodeStill)
  return isFailure(looked) ? looked : towardsFaces(wanted, info, looked)
}

/** Of an animation the first frame tells where its faces are. */
const LOOK = { frame: 0, maxSidePixels: 512 } as const

/** What is made of a picture. */
interface WantedPicture {
  readonly render: Render
  /** The header, with the size in which it is decoded. */
  readonly drawn: ImageInfo
  /**
   * The part that is used is taken from decoded pixels: what is trimmed is not known before, and a drawing is drawn whole.
   * The plan is then the largest that there can be.
   */
  readonly cutLate: boolean
}

function wantedPicture(info: ImageInfo, job: WantedRender, { limits }: VideoTools): WantedPicture | Failure {
  const { options } = job
  const own = writtenFormat(options.format, info.format)
  const renderAs = (layout: Layout) => renderOf(job, outputFormat(own, info, options, layout, limits), layout)
  const { drawing } = info
  if (drawing !== undefined && (options.crop !== undefined || options.trim)) {
    const whole = drawnWhole(drawing, options)
    if (isFailure(whole)) return whole
    const { width, height, crop } = whole
    const layout = layoutOf(withCrop(options, crop), { width, height })
    if (isFailure(layout)) return layout
    const render = renderAs(options.trim ? untrimmed(layout, options, whole) : layout)
    return { render, drawn: { ...info, width, height }, cutLate: true }
  }
  const layout = layoutOf(options, info)
  if (isFailure(layout)) return layout
  const render = renderAs(layout)
  const drawn =
    drawing === undefined ? info : { ...info, width: layout.plan.width, height: layout.plan.height }
  if (!options.trim || keepsAnimation(info, render)) return { render, drawn, cutLate: false }
  return { render: renderAs(untrimmed(layout, options, info)), drawn, cutLate: true }
}

function untrimmed(layout: Layout, { geometry }: RenderOptions, source: Size): Layout {
  const seen = layout.part ?? source
  const plan = largestPlan(geometry, isRightAngle(layout.rotate) ? swapped(seen) : seen)
  return { ...layout, plan: isRightAngle(layout.rotate) ? { ...plan, ...swapped(plan) } : plan }
}

function withCrop({ crop: _, ...options }: RenderOptions, crop: RenderOptions['crop']): RenderOptions {
  return crop === undefined ? options : { ...options, crop }
}

const WHOLE_PICTURE = { frame: 0, maxSidePixels: MAX_SIDE_PIXELS } as const

/** Renders a still of which the part that is used is cut out of its decoded pixels. */
async function renderCut(
  bytes: Uint8Array,
  info: ImageInfo,
  { drawn, render }: WantedPicture,
  job: WantedRender,
  tools: VideoTools,
): Promise<Uint8Array | Failure> {
  const { options } = job
  const picture =
    info.drawing === undefined
      ? await decodePicture(bytes, info, WHOLE_PICTURE, createStillDecoder(tools))
      : await pixelsOf(openFile(bytes, info, {}).resize(drawn.width, drawn.height, { fit: 'fill' }))
  if (isFailure(picture)) return picture
  const whole = info.drawing && drawnWhole(info.drawing, options)
  if (isFailure(whole)) return whole
  return renderPixels(
    picture,
    whole === undefined ? job : { ...job, options: withCrop(options, whole.crop) },
    render.format,
    info,
  )
}

/** Renders decoded pixels of which a part is used. */
async function renderPixels(
  picture: RawPicture,
  job: WantedRender,
  format: ImageFormat,
  source?: Pick<ImageInfo, 'lossless' | 'palette'>,
): Promise<Uint8Array | Failure> {
  const { options } = job
  const part = await cutPixels(picture, options)
  if (isFailure(part)) return part
  const laid = layoutOf(withCrop(options, undefined), part)
  if (isFailure(laid)) return laid
  const layout = seeksFaces(laid) ? await towardsFaces(laid, part, part) : laid
  return isFailure(layout) ? layout : renderRaw(part, renderOf(job, format, layout), source)
}

/** What is padded may become larger than any picture may be. */
function validateSize({ width, height }: Size, { sidePixels }: SourceLimits): Failure | undefined {
  return Math.max(width, height) > sidePixels ? fail('too-large-dimensions', `${width}x${height}`) : undefined
}

function costOf(info: ImageInfo, { render, drawn, cutLate }: WantedPicture, seen: SeenBytes): Cost {
  const frames = keepsAnimation(info, render) ? info.frames : 1
  return costOfPicture(drawn, render, { frames, cutLate }, seen)
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
  layout: Layout,
  { avifPixels }: SourceLimits,
): ImageFormat {
  if (format !== 'avif') return format
  const { width, height } = sizeOf(layout)
  return (animated && frames > 1) || width * height > avifPixels ? 'webp' : format
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
    const task = { ...job, renderOf: (layout: Layout) => renderOf(job, format, layout) }
    const preview = await renderPreview(libav, source, sourceFormat, task, admission)
    return preview instanceof Uint8Array ? { kind: 'rendered', format, bytes: preview } : preview
  }
  const video = await openVideo(tools, source, sourceFormat)
  if (isFailure(video)) return video
  try {
    const { info } = video
    if (options.sprite !== undefined) return await renderSheet(video, options.sprite, job, tools, admission)
    const layout = layoutOf(options, info.video)
    if (isFailure(layout)) return layout
    const isCut = options.crop !== undefined || options.trim === true || seeksFaces(layout)
    const most = options.trim ? untrimmed(layout, options, info.video) : layout
    const own = writtenFormat(options.format, 'video')
    const format = outputFormat(own, { frames: 1 }, options, most, tools.limits)
    const wanted = renderOf(job, format, most)
    const samples = options.time === 'best' ? POSTER_CANDIDATES : 0
    const ended =
      validateSize(sizeOf(wanted), tools.limits) ?? admit(costOfStill(info.video, wanted, samples), admission)
    if (ended !== undefined) return ended
    const moment = await askedMoment(video, options)
    if (isFailure(moment)) return moment
    const frame = await video.readFrame(moment, isCut ? undefined : wanted.plan)
    if (isFailure(frame)) return frame
    const rendered = isCut ? await renderPixels(frame, job, format) : await renderRaw(frame, wanted)
    return isFailure(rendered) ? rendered : { kind: 'rendered', format, bytes: rendered }
  } finally {
    await video.close()
  }
}

/** Width of each frame of a sheet, where none is asked for. */
const SPRITE_WIDTH = 160

async function renderSheet(
  video: Video,
  sprite: Sprite,
  job: WantedRender,
  { limits }: VideoTools,
  admission: Admission,
): Promise<Rendered | Deferred | Failure> {
  const { options } = job
  const { width, height } = options.geometry.kind === 'asset' ? {} : options.geometry
  const frame = planTransformation(video.info.video, {
    ...(width === undefined && height === undefined ? { width: SPRITE_WIDTH } : {}),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...{ fit: 'inside', gravity: 'centre' },
  })
  const plan: Plan = { ...sheetSize(frame, sprite), mode: 'exact', gravity: 'centre' }
  const format = outputFormat(
    writtenFormat(options.format, 'video'),
    { frames: 1 },
    options,
    { plan },
    limits,
  )
  const { quality, blur } = options
  const wanted: Render = {
    ...{ plan, format, quality, animated: false },
    ...(blur === undefined ? {} : { blur }),
  }
  const ended =
    validateSize(plan, limits) ??
    admit(costOfStill(video.info.video, wanted, sprite.columns * sprite.rows), admission)
  if (ended !== undefined) return ended
  const sheet = await drawSpriteSheet(video, sprite, frame)
  if (isFailure(sheet)) return sheet
  const bytes = await renderRaw(sheet.picture, wanted)
  if (isFailure(bytes)) return bytes
  return { kind: 'rendered', format, bytes, spriteIntervalSeconds: sheet.intervalSeconds }
}

/** When the wanted frame is shown; undefined for the first one. */
async function askedMoment(video: Video, { time }: RenderOptions): Promise<Moment | Failure> {
  if (time !== 'best') return momentOf(time, video.info.durationSeconds)
  const poster = await readPoster(video)
  return isFailure(poster) ? poster : poster.timestampSeconds
}

function renderOf({ options, renderQuality }: WantedRender, format: ImageFormat, layout: Layout): Render {
  const { quality, animated, blur, sharpen, background, maxBytes } = options
  return {
    ...layout,
    ...{ format, quality, animated, fast: renderQuality === 'fast' },
    ...(blur === undefined ? {} : { blur }),
    ...(sharpen === undefined ? {} : { sharpen }),
    ...(background === undefined ? {} : { background }),
    ...(maxBytes !== undefined && hasQuality(format) ? { maxBytes } : {}),
  }
}

/** Original bytes are the best rendition there is, where nothing has to change and nothing has to be hidden. */
function mayBeUntouched(
  info: ImageInfo,
  options: RenderOptions,
  render: Render,
  sourceBytes: number,
): boolean {
  return (
    info.format === render.format &&
    keepsPixels(render, info) &&
    !options.qualityAsked &&
    [render.blur, render.sharpen, options.trim].every((step) => step === undefined) &&
    (render.background === undefined || !info.hasAlpha) &&
    sourceBytes <= (render.maxBytes ?? sourceBytes) &&
    info.orientation === 1 &&
    info.plainColours &&
    (info.frames === 1 || options.animated)
  )
}
