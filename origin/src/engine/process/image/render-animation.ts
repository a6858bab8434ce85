/** Renders animations: all frames with one plan, and their timing. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { OutputInfo, Sharp } from 'sharp'
import { readApng } from '../formats/png/apng.ts'
import { playApng } from '../formats/png/apng-compose.ts'
import { encodeApng } from '../formats/png/apng-encode.ts'
import { TOLERANT_OPTIONS } from '../formats/repair.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import type { AnimationTiming } from '../pixels/strip.ts'
import { framesOf, type Strip } from '../pixels/strip.ts'
import { withColourBands } from './background.ts'
import { decodePaged, decodingFailure } from './decode.ts'
import type { ImageInfo } from './inspect.ts'
import { sizeOf } from './layout.ts'
import { openFile } from './open-file.ts'
import { playOriented } from './oriented-animation.ts'
import {
  cut,
  filter,
  flatten,
  isFiltered,
  needsRotateFlipPad,
  openRaw,
  type Render,
  rotateFlipPad,
  run,
  type SourceImageInfo,
  scale,
} from './render-stages.ts'
import { readingOptions } from './shrink-on-load.ts'
import { thinFrames } from './thin-frames.ts'
import { countWholeFrames } from './whole-frames.ts'

/** Frames that a decoder other than Sharp returns one by one. */
export interface Played {
  readonly frames: Iterable<RawImage> | AsyncIterable<RawImage | Failure>
  readonly count: number
  readonly timing: AnimationTiming
}

/** Renders an animation. Fails with `undecodable` when the first frame is broken, or all but the first. */
export function renderAnimation(
  bytes: Uint8Array,
  source: ImageInfo,
  render: Render,
): Promise<Uint8Array | Failure> {
  return renderWholeFrames(bytes, source, async (info) => {
    const played = await playedOf(bytes, info, render)
    if (isFailure(played)) return played
    if (played !== undefined) return await renderPlayed(played, info, render)
    const scaled = await scaleFrames(bytes, info, render)
    if (render.format !== 'png' && !takesFrames(render)) return await run(scaled, info, render)
    return await encodeFrames(await stripOf(scaled, bytes, info), info, render)
  })
}

/**
 * Returns the frames of an animation, scaled and filtered, with their timing. Fails as `renderAnimation` does.
 */
export function animationStrip(
  bytes: Uint8Array,
  source: ImageInfo,
  render: Render,
): Promise<Strip | Failure> {
  return renderWholeFrames(bytes, source, async (info) => {
    const played = await playedOf(bytes, info, render)
    if (isFailure(played)) return played
    if (played !== undefined) return await playedStrip(played, info, render)
    return await finishFrames(
      await stripOf(await scaleFrames(bytes, info, render), bytes, info),
      info,
      render,
    )
  })
}

/** The number of times that all frames may be decoded to find the first broken one. */
const SEARCH_PASSES = 4

/** Renders all frames or, when one is broken, those before it if there are several. */
async function renderWholeFrames<T>(
  bytes: Uint8Array,
  info: ImageInfo,
  make: (info: ImageInfo) => Promise<T | Failure>,
): Promise<T | Failure> {
  const attempt = async (seen: ImageInfo): Promise<T | Failure> => {
    try {
      return await make(seen)
    } catch (error) {
      return decodingFailure(error)
    }
  }
  const made = await attempt(info)
  if (!isFailure(made) || made.code !== 'undecodable' || info.format === 'png') return made
  const decodesFrame = async (frame: number) => !isFailure(await decodePaged(bytes, info, frame, 1))
  const frames = await countWholeFrames(decodesFrame, {
    from: 0,
    to: info.frames,
    decodes: SEARCH_PASSES * info.frames,
  })
  return frames > 1 && frames < info.frames ? attempt({ ...info, frames }) : made
}

/** Returns the scaled and filtered frames of an animation of which Sharp decodes only the first frame. */
export async function playedStrip(played: Played, info: ImageInfo, render: Render): Promise<Strip | Failure> {
  try {
    const strip = await scalePlayed(played, info, render)
    return isFailure(strip) ? strip : await finishFrames(strip, info, render)
  } catch (error) {
    return decodingFailure(error)
  }
}

/** Encodes the frames that another decoder returns. */
export async function renderPlayed(
  played: Played,
  info: SourceImageInfo,
  render: Render,
): Promise<Uint8Array | Failure> {
  try {
    const strip = await scalePlayed(played, info, render)
    return isFailure(strip) ? strip : await encodeFrames(strip, info, render)
  } catch (error) {
    return decodingFailure(error)
  }
}

/** Returns the frames of an animation that Sharp does not decode. Undefined when it does. */
async function playedOf(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
): Promise<Played | Failure | undefined> {
  if (info.format !== 'png') return info.orientation > 1 ? playOriented(bytes, info, render) : undefined
  const apng = readApng(bytes)
  if (isFailure(apng)) return apng
  const timing = { loop: apng.loop, delay: apng.frames.map(({ delayMs }) => delayMs) }
  return { frames: playApng(apng, info.orientation), count: apng.frames.length, timing }
}

async function encodeFrames(
  scaled: Strip,
  info: SourceImageInfo,
  render: Render,
): Promise<Uint8Array | Failure> {
  const strip = await finishFrames(scaled, info, render)
  return render.format === 'png' ? encodeApng(strip) : encodeStrip(strip, info, render)
}

/** Scales all frames of a file that Sharp decodes. */
async function scaleFrames(bytes: Uint8Array, info: ImageInfo, render: Render): Promise<Sharp> {
  const opened = withColourBands(openFile(bytes, info, { pages: info.frames }), info, render)
  if (!seeksInterest(render)) return scale(opened, info, render)
  const crop = await cropOf(openFile(bytes, info, { pages: 1 }), info, render)
  return crop(opened)
}

/** Scales each frame and stacks them in one strip. */
async function scalePlayed(
  { frames, count, timing }: Played,
  info: SourceImageInfo,
  render: Render,
): Promise<Strip | Failure> {
  const { width, height } = render.plan
  const frameBytes = width * height * 4
  const data = Buffer.alloc(frameBytes * count)
  let scaled = (pipeline: Sharp) => scale(pipeline, info, render)
  let at = 0
  for await (const shown of frames) {
    if (isFailure(shown)) {
      // The file is truncated or broken from here on, so the frames before are the animation.
      if (at === 0 || shown.code !== 'undecodable') return shown
      break
    }
    if (at === 0 && seeksInterest(render)) scaled = await cropOf(openRaw(shown), info, render)
    data.set(await scaled(openRaw(shown)).ensureAlpha().raw().toBuffer(), at)
    at += frameBytes
  }
  const played = { ...timing, ...(timing.delay && { delay: timing.delay.slice(0, at / frameBytes) }) }
  return { data: data.subarray(0, at), width, height, timing: played }
}

function seeksInterest({ plan }: Render): boolean {
  return plan.mode === 'cover' && (plan.gravity === 'attention' || plan.gravity === 'entropy')
}

/**
 * Returns the crop of all frames. The point of interest of the first frame is used for all of them, because
 * otherwise the image would jump from frame to frame.
 */
async function cropOf(
  first: Sharp,
  info: SourceImageInfo,
  render: Render,
): Promise<(pipeline: Sharp) => Sharp> {
  const { plan } = render
  const whole = render.part ?? info
  const { info: found }: { info: OutputInfo } = await scale(first, info, render)
    .raw()
    .toBuffer({ resolveWithObject: true })
  // The output has the size of the plan, so the size before the crop is computed from the source.
  const scaleFactor = Math.max(plan.width / whole.width, plan.height / whole.height)
  const width = Math.max(plan.width, Math.round(whole.width * scaleFactor))
  const height = Math.max(plan.height, Math.round(whole.height * scaleFactor))
  const part = {
    left: Math.min(width - plan.width, Math.abs(found.cropOffsetLeft ?? 0)),
    top: Math.min(height - plan.height, Math.abs(found.cropOffsetTop ?? 0)),
    width: plan.width,
    height: plan.height,
  }
  const reading = readingOptions(info, render)
  return (pipeline) =>
    cut(pipeline, render)
      .resize(width, height, { fit: 'fill', ...reading })
      .extract(part)
}

async function stripOf(pipeline: Sharp, bytes: Uint8Array, { frames }: ImageInfo): Promise<Strip> {
  const { loop = 0, delay } = await sharp(bytes, { ...UNLIMITED_PIXELS, ...TOLERANT_OPTIONS }).metadata()
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const timing = { loop, ...(delay === undefined ? {} : { delay: delay.slice(0, frames) }) }
  return { data, width: info.width, height: info.pageHeight ?? info.height, timing }
}

/** Whether a stage needs the frames of an animation one by one, or as raw pixels. */
function takesFrames(render: Render): boolean {
  return isFinished(render) || render.maxBytes !== undefined || render.fps !== undefined
}

function isFinished(render: Render): boolean {
  return needsRotateFlipPad(render) || isFiltered(render)
}

/**
 * Filters and arranges each frame. Frames are stacked in one tall image, so blurred together each would bleed
 * into the next.
 */
async function finishFrames(whole: Strip, info: SourceImageInfo, render: Render): Promise<Strip> {
  const strip = thinFrames(whole, render.fps)
  // The encoder of animated PNGs does not support a background.
  const isFlattened = render.format === 'png' && render.background !== undefined
  if (!isFinished(render) && !isFlattened) return strip
  const { width, height } = sizeOf(render)
  const frames = framesOf(strip)
  const frameBytes = width * height * 4
  const data =
    frameBytes * frames.length === strip.data.length ? strip.data : Buffer.alloc(frameBytes * frames.length)
  for (const [index, frame] of frames.entries()) {
    const opened = openRaw({ data: frame, width: strip.width, height: strip.height, channels: 4 })
    const finished = filter(needsRotateFlipPad(render) ? rotateFlipPad(opened, render) : opened, render)
    const flattened = isFlattened ? flatten(finished, info, render) : finished
    data.set(await flattened.ensureAlpha().raw().toBuffer(), index * frameBytes)
  }
  return { data, width, height, timing: strip.timing }
}

function encodeStrip(strip: Strip, info: SourceImageInfo, render: Render): Promise<Uint8Array | Failure> {
  const { data, width, height, timing } = strip
  const raw = { width, height: data.length / (width * 4), channels: 4, pageHeight: height } as const
  return run(sharp(data, { ...UNLIMITED_PIXELS, raw }), info, render, { timing, pageHeight: height })
}
