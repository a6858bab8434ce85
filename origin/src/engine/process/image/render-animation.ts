/** Renders animations: all frames with one plan, and their timing. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { OutputInfo, Sharp } from 'sharp'
import { readApng } from '../formats/png/apng.ts'
import { playApng } from '../formats/png/apng-compose.ts'
import { encodeApng } from '../formats/png/apng-encode.ts'
import { TOLERANT_OPTIONS } from '../formats/repair.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { openRaw } from '../pixels/open-raw.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import { type AnimationTiming, framesOf, type Strip } from '../pixels/strip.ts'
import { withColourBands } from './background.ts'
import { decodePaged } from './decode.ts'
import type { ImageInfo } from './inspect.ts'
import { sizeOf } from './layout.ts'
import { openFile } from './open-file.ts'
import { playOriented } from './oriented-animation.ts'
import type { Played } from './played.ts'
import type { Render } from './render.ts'
import {
  cut,
  filter,
  flatten,
  isFiltered,
  needsRotateFlipPad,
  rotateFlipPad,
  run,
  type SourceImageInfo,
  scale,
} from './render-stages.ts'
import { readingOptions } from './shrink-on-load.ts'
import { thinFrames } from './thin-frames.ts'
import { countWholeFrames } from './whole-frames.ts'

/** A part of an animation: the index of its first frame, and the index after its last one. */
export interface FrameRange {
  readonly from: number
  readonly to: number
}

/** Renders an animation. Fails with `undecodable` when the first frame is broken, or all but the first. */
export function renderAnimation(
  bytes: Uint8Array,
  source: ImageInfo,
  render: Render,
): Promise<Uint8Array | Failure> {
  return renderWholeFrames(bytes, source, allFrames(source), async (info) => {
    const played = await playedOf(bytes, info, render, 0)
    if (isFailure(played)) return played
    if (played !== undefined) return await renderPlayed(played, info, render)
    const scaled = await scaleFrames(bytes, info, render, 0)
    if (render.format !== 'png' && !takesFrames(render))
      return await run(scaled, info, render, {
        frames: info.frames,
        timing: await timingToRound(bytes, info, render),
      })
    return await encodeFrames(await stripOf(scaled, bytes, { from: 0, to: info.frames }), info, render)
  })
}

/**
 * Returns frames of an animation, scaled and filtered, with their timing. Frames from the first broken one on
 * are missing. Fails with `undecodable` when the first frame of the range is broken, or all but the first of
 * the animation.
 */
export function animationStrip(
  bytes: Uint8Array,
  source: ImageInfo,
  render: Render,
  range: FrameRange = allFrames(source),
): Promise<Strip | Failure> {
  const { from } = range
  return renderWholeFrames(bytes, source, range, async (info) => {
    const played = await playedOf(bytes, info, render, from)
    if (isFailure(played)) return played
    if (played !== undefined) return await playedStrip(played, info, render, from)
    const scaled = await scaleFrames(bytes, info, render, from)
    return await finishFrames(await stripOf(scaled, bytes, { from, to: info.frames }), info, render)
  })
}

function allFrames({ frames }: ImageInfo): FrameRange {
  return { from: 0, to: frames }
}

/** The number of times that all frames may be decoded to find the first broken one. */
const SEARCH_PASSES = 4

/**
 * Renders the frames of a range or, when one is broken, those before it. The first frame alone is no
 * animation.
 */
async function renderWholeFrames<T>(
  bytes: Uint8Array,
  info: ImageInfo,
  { from, to }: FrameRange,
  make: (info: ImageInfo) => Promise<T | Failure>,
): Promise<T | Failure> {
  const attempt = async (frames: number): Promise<T | Failure> => {
    try {
      return await make({ ...info, frames })
    } catch (error) {
      return decodingFailure(error)
    }
  }
  const made = await attempt(to)
  if (!isFailure(made) || made.code !== 'undecodable' || info.format === 'png') return made
  const decodesFrame = async (frame: number) => !isFailure(await decodePaged(bytes, info, frame, 1))
  const frames = await countWholeFrames(decodesFrame, { from, to, decodes: SEARCH_PASSES * to })
  return frames > 1 && frames < to ? attempt(frames) : made
}

/**
 * Returns the scaled and filtered frames of an animation of which Sharp decodes only the first frame, from
 * the given index on.
 */
export async function playedStrip(
  played: Played,
  info: ImageInfo,
  render: Render,
  from: number,
): Promise<Strip | Failure> {
  try {
    const strip = await scalePlayed(played, info, render, from)
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
    const strip = await scalePlayed(played, info, render, 0)
    return isFailure(strip) ? strip : await encodeFrames(strip, info, render)
  } catch (error) {
    return decodingFailure(error)
  }
}

/**
 * Returns the frames of an animation that Sharp does not decode, or does not rotate. Undefined when Sharp
 * does.
 */
async function playedOf(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  from: number,
): Promise<Played | Failure | undefined> {
  if (info.format !== 'png') {
    if (info.orientation === 1) return undefined
    // All frames are cropped as the first one is.
    return playOriented(bytes, info, render, seeksInterest(render) ? 0 : from)
  }
  const apng = readApng(bytes)
  if (isFailure(apng)) return apng
  const timing = { loop: apng.loop, delay: apng.frames.map(({ delayMs }) => delayMs) }
  return {
    frames: playApng(apng, info.orientation),
    count: Math.min(apng.frames.length, info.frames),
    timing,
  }
}

async function encodeFrames(
  scaled: Strip,
  info: SourceImageInfo,
  render: Render,
): Promise<Uint8Array | Failure> {
  const strip = await finishFrames(scaled, info, render)
  // The predicted cost counts the frames that `fps` drops, and the encoder's effort depends on their number.
  const frames = framesOf(scaled).length
  return render.format === 'png' ? encodeApng(strip) : encodeStrip(strip, frames, info, render)
}

/** Scales the frames of a file that Sharp decodes, from the given index on. */
async function scaleFrames(bytes: Uint8Array, info: ImageInfo, render: Render, from: number): Promise<Sharp> {
  const pages = { page: from, pages: info.frames - from }
  const opened = withColourBands(openFile(bytes, info, pages), info, render)
  if (!seeksInterest(render)) return scale(opened, info, render)
  const crop = await cropOf(openFile(bytes, info, { pages: 1 }), info, render)
  return crop(opened)
}

/** Scales each frame from the given index on, and stacks them in one strip. */
async function scalePlayed(
  { frames, firstIndex = 0, count, timing }: Played,
  info: SourceImageInfo,
  render: Render,
  from: number,
): Promise<Strip | Failure> {
  const { width, height } = render.plan
  const frameBytes = width * height * 4
  const data = Buffer.alloc(frameBytes * (count - from))
  let scaled = (pipeline: Sharp) => scale(pipeline, info, render)
  let index = firstIndex
  let at = 0
  for await (const shown of frames) {
    if (index === count) break
    if (isFailure(shown)) {
      // The file is truncated or broken from here on, so the frames before are the animation.
      if (at === 0 || shown.code !== 'undecodable') return shown
      break
    }
    if (index === 0 && seeksInterest(render)) scaled = await cropOf(openRaw(shown), info, render)
    if (index >= from) {
      data.set(await scaled(openRaw(shown)).ensureAlpha().raw().toBuffer(), at)
      at += frameBytes
    }
    index += 1
  }
  const delay = timing.delay?.slice(from, from + at / frameBytes)
  return { data: data.subarray(0, at), width, height, timing: { ...timing, ...(delay && { delay }) } }
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

async function stripOf(pipeline: Sharp, bytes: Uint8Array, { from, to }: FrameRange): Promise<Strip> {
  const timing = await timingOf(bytes, { from, to })
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.pageHeight ?? info.height, timing }
}

async function timingOf(bytes: Uint8Array, { from, to }: FrameRange): Promise<AnimationTiming> {
  const { loop = 0, delay } = await sharp(bytes, { ...UNLIMITED_PIXELS, ...TOLERANT_OPTIONS }).metadata()
  return { loop, ...(delay === undefined ? {} : { delay: delay.slice(from, to) }) }
}

/** Returns the timing of a source whose delays a GIF cannot express. Undefined when it can. */
async function timingToRound(
  bytes: Uint8Array,
  info: ImageInfo,
  { format }: Render,
): Promise<AnimationTiming | undefined> {
  return format === 'gif' && info.format !== 'gif' ? timingOf(bytes, allFrames(info)) : undefined
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

function encodeStrip(
  strip: Strip,
  frames: number,
  info: SourceImageInfo,
  render: Render,
): Promise<Uint8Array | Failure> {
  const { data, width, height, timing } = strip
  const raw = { width, height: data.length / (width * 4), channels: 4, pageHeight: height } as const
  return run(sharp(data, { ...UNLIMITED_PIXELS, raw }), info, render, {
    frames,
    timing,
    pageHeight: height,
  })
}
