/**
 * `POST /_frames`: three JPEG frames of an animation or a video, small enough for one response; a still image
 * is returned unchanged.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { isHeif, type MediaKind, shownKind } from '../../../media/kinds.ts'
import type { MediaLimits } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import type { Cost, Deferred, FramesJob } from '../../jobs.ts'
import { MAX_SAMPLES_SECONDS } from '../../video-cost.ts'
import { type ImageSequence, readSequence } from '../formats/heif/sequence.ts'
import { animationTimes, frameAt } from '../image/animation-frames.ts'
import { decodeImage } from '../image/decode.ts'
import { affordableDecodes, reachableFrames } from '../image/frame-budget.ts'
import { type ImageInfo, validateInfo } from '../image/inspect.ts'
import type { Render } from '../image/render.ts'
import { renderRaw } from '../image/render-image.ts'
import { countWholeFrames } from '../image/whole-frames.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { MediaSource } from '../source/media-source.ts'
import { threeFrames, threeTimestamps } from '../timestamps/timestamps.ts'
import { readThreeFrames } from '../video/frames.ts'
import { playSequence } from '../video/play-sequence.ts'
import { openVideo, type Video, type VideoTools } from '../video/video.ts'
import { type Admission, deferralOf } from './admission.ts'
import { openImage, withDataRepair } from './open-image.ts'
import { type AvailableBytes, predictImage, predictVideoStill } from './predict.ts'
import { createStillDecoder } from './stills.ts'

export interface FrameFile {
  readonly timestampSeconds: number
  readonly mime: string
  readonly bytes: Uint8Array
}

const JPEG_QUALITY = 80

/**
 * Reads the frames. Fails with `undecodable`, `unsupported-codec`, `too-large-dimensions`, or with the
 * failures of reading the source.
 */
export async function readFrameFiles(
  source: MediaSource,
  { allowance }: Pick<FramesJob, 'allowance'>,
  tools: VideoTools,
  reportCost: (cost: Cost) => void,
): Promise<readonly FrameFile[] | Deferred | Failure> {
  const kind = shownKind(source.kind)
  const admission = { allowance, reportCost }
  switch (kind?.kind) {
    case undefined:
    case 'audio':
      return fail('undecodable', `content is ${kind?.format}`)
    case 'image':
      return withDataRepair(kind.format, (checksData) =>
        imageFiles(source, kind, { tools, admission, checksData }),
      )
    case 'video':
      return videoFiles(source, kind, tools, admission)
  }
}

async function videoFiles(
  source: MediaSource,
  kind: MediaKind & { readonly kind: 'video' },
  tools: VideoTools,
  admission: Admission,
): Promise<readonly FrameFile[] | Deferred | Failure> {
  const video = await openVideo(tools, source, kind.format)
  if (isFailure(video)) return video
  try {
    const deferred = deferralOf(predictVideoStill(video.info.video, jpegRender(video.info.video)), admission)
    return deferred ?? (await filesOf(video))
  } finally {
    await video.close()
  }
}

async function filesOf(video: Video): Promise<readonly FrameFile[] | Failure> {
  const frames = await readThreeFrames(video)
  if (isFailure(frames)) return frames
  return jpegFiles(frames.map((frame) => ({ frame, timestampSeconds: frame.timestampSeconds })))
}

interface ImageFilesOptions {
  readonly tools: VideoTools
  readonly admission: Admission
  readonly checksData: boolean
}

async function imageFiles(
  source: MediaSource,
  kind: MediaKind & { readonly kind: 'image' },
  { tools, admission, checksData }: ImageFilesOptions,
): Promise<readonly FrameFile[] | Deferred | Failure> {
  const { limits } = tools
  const opened = await openImage(source, {
    format: kind.format,
    checksData,
    maxBytes: limits.sourceBytes,
    // A still image is returned unchanged.
    intact: true,
    validate: (info, available) =>
      validateInfo(info, { limits, animated: false }) ??
      (info.frames === 1 ? undefined : deferralOf(predictFrames(info, available, limits), admission)),
  })
  if (!('info' in opened)) return opened
  const { bytes, info } = opened
  if (info.frames === 1) return [{ timestampSeconds: 0, mime: kind.mime, bytes }]
  const sequence = isHeif(info.format) ? readSequence(bytes) : undefined
  const times = sequence === undefined ? await animationTimes(bytes, info) : sequenceTimes(sequence)
  const decodes = affordableDecodes(info, limits)
  const reachable = (frames: number) => {
    const timestamps = threeTimestamps(times[frames] ?? 0)
    const selected = timestamps.map((timestamp) => Math.min(frames - 1, frameAt(times, timestamp)))
    return reachableFrames(threeFrames(selected, frames), decodes)
  }
  if (sequence !== undefined) {
    const frames = reachable(info.frames)
    const played = await playFrames(sequence, { info, frames, times }, tools)
    return isFailure(played) ? played : jpegFiles(played)
  }
  const decodeStill = createStillDecoder(tools)
  const decode = (frame: number, maxSidePixels: number) =>
    decodeImage(bytes, info, { frame, maxSidePixels }, decodeStill)
  const decodeFrames = async (frames: readonly number[]): Promise<readonly ShownFrame[]> => {
    const shown: ShownFrame[] = []
    for (const frame of frames) {
      const decoded = await decode(frame, Math.max(info.width, info.height))
      if (!isFailure(decoded)) shown.push({ frame: decoded, timestampSeconds: times[frame] ?? 0 })
    }
    return shown
  }
  const selected = reachable(info.frames)
  const shown = await decodeFrames(selected)
  if (shown.length === selected.length) return jpegFiles(shown)
  // One frame is broken, and browsers play those before it.
  const decodesFrame = async (frame: number) => !isFailure(await decode(frame, 1))
  const whole = await countWholeFrames(decodesFrame, { from: 0, to: info.frames, decodes })
  const wholeFrames = await decodeFrames(reachable(whole))
  return wholeFrames.length === 0 ? fail('undecodable', 'no whole frame') : jpegFiles(wholeFrames)
}

const FRAMES = 3

/**
 * Predicts the cost of three frames: near the start, in the middle, and at the end. All are held in memory,
 * and each is decoded again from the first frame.
 */
function predictFrames(info: ImageInfo, available: AvailableBytes, limits: MediaLimits): Cost {
  const one = predictImage(info, jpegRender(info), { frames: 1, cutLate: false }, available)
  const decodes = Math.min(affordableDecodes(info, limits), (FRAMES * info.frames) / 2 + FRAMES)
  return {
    memoryBytes: one.memoryBytes + (FRAMES - 1) * info.width * info.height * 4,
    cpuSeconds: Math.min(MAX_SAMPLES_SECONDS, one.cpuSeconds * decodes),
  }
}

function sequenceTimes(sequence: ImageSequence): readonly number[] {
  const times = [0]
  for (const milliseconds of sequence.timing(sequence.frames).delay ?? [])
    times.push((times.at(-1) ?? 0) + milliseconds / 1000)
  return times
}

interface FrameSelection {
  readonly info: ImageInfo
  readonly frames: readonly number[]
  readonly times: readonly number[]
}

/**
 * Decodes the wanted frames of an animated AVIF or HEIC. Its animation is a video track in addition to the still
 * image, and its alpha is another one. Fails when no frame decodes.
 */
async function playFrames(
  sequence: ImageSequence,
  { info, frames, times }: FrameSelection,
  tools: VideoTools,
): Promise<readonly ShownFrame[] | Failure> {
  const played = await playSequence(tools, sequence, info, (frames.at(-1) ?? 0) + 1)
  if (isFailure(played)) return played
  const shown: ShownFrame[] = []
  let index = 0
  for await (const frame of played.frames) {
    if (isFailure(frame)) {
      if (shown.length === 0) return frame
      break
    }
    if (frames.includes(index)) shown.push({ frame, timestampSeconds: times[index] ?? 0 })
    index += 1
  }
  return shown
}

interface ShownFrame {
  readonly frame: RawImage
  readonly timestampSeconds: number
}

/**
 * The largest sum of all JPEG files, in bytes. In base64 inside JSON they stay below the 512 KiB that clients
 * accept.
 */
const MAX_BYTES = 380_000
/** The file size falls a little more slowly than the number of pixels. */
const SHRINK_FURTHER = 0.94
const MAX_TRIES = 5

async function jpegFiles(shown: readonly ShownFrame[]): Promise<readonly FrameFile[] | Failure> {
  let scale = 1
  for (let tries = 1; ; tries += 1) {
    const files: FrameFile[] = []
    for (const { frame, timestampSeconds } of shown) {
      const bytes = await renderRaw(frame, jpegRender(frame, scale))
      if (isFailure(bytes)) return bytes
      files.push({ timestampSeconds, mime: 'image/jpeg', bytes })
    }
    const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (total <= MAX_BYTES || tries === MAX_TRIES) return files
    scale *= Math.sqrt(MAX_BYTES / total) * SHRINK_FURTHER
  }
}

function jpegRender({ width: fullWidth, height: fullHeight }: Size, scale = 1): Render {
  const [width, height] = [fullWidth, fullHeight].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ]
  const plan = { width, height, mode: 'exact', gravity: 'centre' } as const
  return { plan, format: 'jpeg', quality: JPEG_QUALITY, animated: false }
}
