/** Renders an image, still or animated, from its header to the bytes of its rendition. */

import { MAX_SIDE_PIXELS } from '@media-proxy/shared/request/parameters.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { isHeif, type SourceImageFormat } from '../../../media/kinds.ts'
import type { Cost, Deferred } from '../../jobs.ts'
import type { RenderOptions } from '../../render-options.ts'
import { encodeAnimatedAvif } from '../clip/animated-avif.ts'
import { towardsFaces } from '../faces/towards-faces.ts'
import { readSequence } from '../formats/heif/sequence.ts'
import { holdsOnlyImage } from '../formats/only-image.ts'
import { mayFailLate } from '../formats/webp/webp-lossless.ts'
import { type DecodeStill, decodeImage, decodePaged } from '../image/decode.ts'
import type { ImageFile } from '../image/image-file.ts'
import { type ImageInfo, validateInfo } from '../image/inspect.ts'
import { drawnWhole, keepsPixels, type Layout, layoutOf, seeksFaces, sizeOf } from '../image/layout.ts'
import { openFile } from '../image/open-file.ts'
import type { SharedPixels } from '../image/pixel-cache.ts'
import type { Render } from '../image/render.ts'
import { keepsAnimation, renderImage, renderPlayed } from '../image/render-image.ts'
import { pixelsOf } from '../image/render-stages.ts'
import { asFailure } from '../libav/libav-rejection.ts'
import type { MediaSource } from '../source/media-source.ts'
import { playSequence } from '../video/play-sequence.ts'
import type { VideoTools } from '../video/video.ts'
import { deferralOf } from './admission.ts'
import { decodeStrip } from './decode-strip.ts'
import { renderByLibav, suitsLibav } from './libav-still.ts'
import { openImage, withDataRepair } from './open-image.ts'
import { type FormatOptions, outputFormat, writtenFormat } from './output-format.ts'
import {
  type AvailableBytes,
  type DecodableImage,
  predictImage,
  predictThumbnails,
  withKeptPixels,
} from './predict.ts'
import {
  type RenderRequest,
  type RenderTask,
  renderOf,
  renderPixels,
  untrimmed,
  validateSize,
  withCrop,
} from './render-request.ts'
import type { Rendered } from './rendered.ts'
import { createStillDecoder } from './stills.ts'

/**
 * Makes a rendition of an image, or returns its cost when that exceeds the admitted cost. Fails with the
 * failures of the image.
 */
export function renderImageJob(
  source: MediaSource,
  sourceFormat: SourceImageFormat,
  task: RenderTask,
  tools: VideoTools,
): Promise<Rendered | Deferred | Failure> {
  return withDataRepair(sourceFormat, (checksData) =>
    openAndRender(source, { ...task, sourceFormat, checksData }, tools),
  )
}

interface ImageTask extends RenderTask {
  readonly sourceFormat: SourceImageFormat
  /** Whether the compressed data of a PNG is checked and repaired. */
  readonly checksData: boolean
}

async function openAndRender(
  source: MediaSource,
  task: ImageTask,
  tools: VideoTools,
): Promise<Rendered | Deferred | Failure> {
  const { sourceFormat, checksData, options, admission } = task
  const { limits } = tools
  // Loading libav takes 11 MiB and a tenth of a second, so it is loaded only when its encoder may be needed.
  const mayAnimate = options.animated && writtenFormat(options.format, sourceFormat) === 'avif'
  const canAnimateAvif = mayAnimate && (await tools.libav()) !== undefined
  // libav renders few images of other formats. It is loaded only for these, after their cost is predicted.
  const usesLibav = sourceFormat === 'heic' ? (await tools.libav()) !== undefined : tools.isLibavOff !== true
  const planFor = (info: ImageInfo) => planRender({ ...info, usesLibav }, task, { limits, canAnimateAvif })
  const opened = await openImage(source, {
    format: sourceFormat,
    checksData,
    maxBytes: limits.sourceBytes,
    validate(info, available) {
      const target = planFor(info)
      if (isFailure(target)) return target
      return (
        validateSize(sizeOf(target.render), limits) ??
        validateInfo(target.drawn, { limits, animated: keepsAnimation(info, target.render) }) ??
        (mayBeUntouched(info, options, target.render, available.sizeBytes)
          ? undefined
          : deferralOf(
              costWithin(admission.allowance, costsOf(info, target, available, source.kept)),
              admission,
            ))
      )
    },
  })
  if (!('info' in opened)) return opened
  const { bytes, info } = opened
  const target = planFor(info)
  if (isFailure(target)) return target
  const { format } = target.render
  const costs = costsOf(info, target, { bytes, sizeBytes: bytes.length }, source.kept)
  const cost = costWithin(admission.allowance, costs)
  if (mayBeUntouched(info, options, target.render, bytes.length)) {
    const isUntouched = !opened.damaged && holdsOnlyImage(bytes, info.format)
    const untouched = { kind: 'rendered', format, bytes: undefined } as const
    if (isUntouched && !mayFailLate(bytes, info.format)) return untouched
    // One of its frames is decoded at a small size, to check that it decodes.
    const available = { bytes, sizeBytes: bytes.length }
    const deferred = deferralOf(isUntouched ? predictThumbnails(info, available, 1) : cost, admission)
    if (deferred !== undefined) return deferred
    if (isUntouched) {
      const decoded = await decodePaged(bytes, info, 0, FACE_DETECTION_INPUT.maxSidePixels)
      return isFailure(decoded) ? decoded : untouched
    }
  }
  const rendered = target.cutLate
    ? await renderCut({ bytes, info }, target, task, tools)
    : await renderWhole(
        { bytes, info, kept: cost === costs.kept ? source.kept : undefined },
        target.render,
        tools,
      )
  return isFailure(rendered) ? rendered : { kind: 'rendered', format, bytes: rendered }
}

async function renderWhole(
  file: ImageFile,
  target: Render,
  tools: VideoTools,
): Promise<Uint8Array | Failure> {
  const { info } = file
  const decodeStill = createStillDecoder(tools)
  const layout = await cutLayout(file, target, decodeStill)
  if (isFailure(layout)) return layout
  const render = { ...target, ...layout }
  if (render.format === 'avif' && keepsAnimation(info, render)) {
    const moving = await renderAnimatedAvif(file, render, tools)
    if (!isFailure(moving) || !UNPLAYABLE.has(moving.code)) return moving
    return renderImage({ ...file, kept: undefined }, { ...render, animated: false }, decodeStill)
  }
  const libav = suitsLibav(info, render) ? await tools.libav() : undefined
  if (libav !== undefined) {
    // Only the memory of kept samples is predicted, and Sharp would keep pixels.
    const rendered = await renderByLibav(libav, file, render)
    return rendered ?? renderImage({ ...file, kept: undefined }, render, decodeStill)
  }
  return (await renderSequence(file, render, tools)) ?? (await renderImage(file, render, decodeStill))
}

async function renderAnimatedAvif(
  file: ImageFile,
  render: Render,
  tools: VideoTools,
): Promise<Uint8Array | Failure> {
  const libav = await tools.libav()
  const { quality } = render
  if (libav === undefined || quality === 'lossless') return fail('not-ready', 'no encoder of AVIF')
  // Raw pixels with alpha.
  const strip = await decodeStrip(file, { ...render, format: 'png' }, tools)
  if (isFailure(strip)) return strip
  return asFailure(() => encodeAnimatedAvif(libav, strip, quality))
}

/**
 * Resolves a crop towards faces, for which the image is analysed first. A drawing is rasterised before it is
 * cropped, so it is cropped by attention instead.
 */
async function cutLayout(
  { bytes, info }: ImageFile,
  target: Render,
  decodeStill: DecodeStill,
): Promise<Layout | Failure> {
  if (!seeksFaces(target)) return target
  if (info.drawing !== undefined) return { ...target, plan: { ...target.plan, gravity: 'attention' } }
  const sample = await decodeImage(bytes, info, FACE_DETECTION_INPUT, decodeStill)
  return isFailure(sample) ? sample : towardsFaces(target, info, sample)
}

/** The faces of an animation are searched in its first frame. */
const FACE_DETECTION_INPUT = { frame: 0, maxSidePixels: 512 } as const

/** What to render from an image. */
interface RenderPlan {
  readonly render: Render
  /** The header, with the size at which the image is decoded. */
  readonly drawn: DecodableImage
  /**
   * Whether the used part is cut out of decoded pixels: the border to trim is not known earlier, and a
   * drawing is rasterised whole. The plan is then the largest possible one.
   */
  readonly cutLate: boolean
}

function planRender(info: DecodableImage, job: RenderRequest, formats: FormatOptions): RenderPlan | Failure {
  const { options } = job
  const own = writtenFormat(options.format, info.format)
  const { fps } = options
  const renderAs = (layout: Layout) => ({
    ...renderOf(job, outputFormat(own, { frames: info.frames, layout }, options, formats), layout),
    ...(fps === undefined ? {} : { fps }),
  })
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

const WHOLE_IMAGE = { frame: 0, maxSidePixels: MAX_SIDE_PIXELS } as const

/** Renders a still whose used part is cut out of its decoded pixels. */
async function renderCut(
  { bytes, info }: ImageFile,
  { drawn, render }: RenderPlan,
  job: RenderRequest,
  tools: VideoTools,
): Promise<Uint8Array | Failure> {
  const { options } = job
  const image =
    info.drawing === undefined
      ? await decodeImage(bytes, info, WHOLE_IMAGE, createStillDecoder(tools))
      : await pixelsOf(openFile(bytes, info, {}).resize(drawn.width, drawn.height, { fit: 'fill' }))
  if (isFailure(image)) return image
  const whole = info.drawing && drawnWhole(info.drawing, options)
  if (isFailure(whole)) return whole
  return renderPixels(
    image,
    whole === undefined ? job : { ...job, options: withCrop(options, whole.crop) },
    render.format,
    info,
  )
}

/** The cost of a rendition alone, and its cost when the pixels of its source are kept for other jobs. */
interface Costs {
  readonly alone: Cost
  readonly kept: Cost
}

function costsOf(
  info: ImageInfo,
  { render, drawn, cutLate }: RenderPlan,
  available: AvailableBytes,
  kept: SharedPixels | undefined,
): Costs {
  const frames = keepsAnimation(info, render) ? info.frames : 1
  const alone = predictImage(drawn, render, { frames, cutLate }, available)
  if (kept?.isNeeded !== true) return { alone, kept: alone }
  return { alone, kept: withKeptPixels(alone, drawn, render, available) }
}

/**
 * Returns the cost with kept pixels. Returns the cost without them when only that one fits the allowance,
 * because keeping pixels must not require another admission.
 */
function costWithin(allowance: Cost, { alone, kept }: Costs): Cost {
  const fits = (cost: Cost) =>
    cost.memoryBytes <= allowance.memoryBytes && cost.cpuSeconds <= allowance.cpuSeconds
  return fits(alone) && !fits(kept) ? alone : kept
}

/**
 * Renders the frames of an animated AVIF or HEIC. Undefined when the source is not one, when the rendition is a
 * still, or when the animation does not play; its still image is then rendered.
 */
async function renderSequence(
  { bytes, info }: ImageFile,
  target: Render,
  tools: VideoTools,
): Promise<Uint8Array | Failure | undefined> {
  const sequence = isHeif(info.format) && keepsAnimation(info, target) ? readSequence(bytes) : undefined
  if (sequence === undefined) return undefined
  const played = await playSequence(tools, sequence, info)
  const rendered = isFailure(played) ? played : await renderPlayed(played, info, target)
  return isFailure(rendered) && UNPLAYABLE.has(rendered.code) ? undefined : rendered
}

const UNPLAYABLE: ReadonlySet<string> = new Set([
  'undecodable',
  'unsupported-codec',
  'not-visual',
  'not-ready',
])

/**
 * Whether the original bytes can be the rendition, which is the best one possible: nothing has to change, and
 * nothing has to be removed.
 */
function mayBeUntouched(
  info: ImageInfo,
  options: RenderOptions,
  render: Render,
  sourceBytes: number,
): boolean {
  return (
    info.format === render.format &&
    keepsPixels(render, info) &&
    !options.isQualityRequested &&
    [render.blur, render.sharpen, render.fps, options.trim].every((step) => step === undefined) &&
    (render.background === undefined || !info.hasAlpha) &&
    sourceBytes <= (render.maxBytes ?? sourceBytes) &&
    info.orientation === 1 &&
    info.plainColours &&
    (info.frames === 1 || options.animated)
  )
}
