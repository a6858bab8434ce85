/** `format=mp4` and `format=webm`: a clip of a video or of an animated image. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, fail, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SourceImageFormat, VideoFormat } from '../../../media/kinds.ts'
import type { SourceLimits } from '../../../media/limits.ts'
import type { Cost, RenderJob } from '../../jobs.ts'
import type { RenderOptions } from '../../render-options.ts'
import {
  animationBatchFrames,
  predictAnimationClip,
  predictCopy,
  predictVideoClip,
} from '../../video-cost.ts'
import { affordableClip, type ClipScale } from '../clip/affordable-clip.ts'
import { encodeAnimation, framesToShow, rangesOf } from '../clip/animation-clip.ts'
import {
  CLIP_LIMITS,
  type ClipLimits,
  clipSize,
  maxFramesOf,
  reducedRate,
  spanOf,
  startSecondsOf,
} from '../clip/clip-plan.ts'
import { openVideoInput, type VideoInput } from '../clip/open-video.ts'
import { isPlayableEverywhere, remuxVideo } from '../clip/remux.ts'
import { encodeVideoClip } from '../clip/video-clip.ts'
import { isHdr } from '../container/filters.ts'
import { type ImageInfo, validateInfo } from '../image/inspect.ts'
import { keepsSize, type Plan, planOf } from '../image/plan.ts'
import type { Render } from '../image/render.ts'
import { asFailureLater } from '../libav/libav-rejection.ts'
import type { Libav } from '../libav/load.ts'
import { type AudioTrack, decodableAudio } from '../libav/stream-info.ts'
import type { MediaSource } from '../source/media-source.ts'
import { maxPixels } from '../video/frame-size.ts'
import type { VideoTools } from '../video/video.ts'
import { type Admission, deferralOf, type Reports } from './admission.ts'
import { decodeStrip, frameDurations } from './decode-strip.ts'
import { openImage } from './open-image.ts'
import type { Rendered } from './rendered.ts'

interface ClipJob extends Pick<RenderJob, 'options' | 'limits'>, Pick<Reports, 'reportProgress'> {
  readonly admission: Admission
}

/** The format, the options and the bounds of a clip. */
interface ClipTask extends ClipJob {
  readonly format: ClipFormat
}

/**
 * Makes a clip. Fails with the failures of its kind of source, with `not-visual` for audio and still images,
 * with `too-large-dimensions` when it would exceed the admitted cost, and with `not-ready` without libav.
 */
export async function renderClip(
  source: MediaSource,
  format: ClipFormat,
  job: ClipJob,
  tools: VideoTools,
): Promise<Rendered | Failure> {
  const { kind } = source
  const libav = await tools.libav()
  if (libav === undefined) return fail('not-ready', 'clips are made by libav, which is not installed')
  const task: ClipTask = { ...job, format }
  const clip =
    kind?.kind === 'video'
      ? (copyVideo(libav, source, kind.format, task) ?? transcodeVideo(libav, source, kind.format, task))
      : kind?.kind === 'image'
        ? await transcodeAnimation(libav, source, kind.format, { ...task, tools })
        : fail(kind === undefined ? 'unsupported-format' : 'not-visual')
  return isFailure(clip) ? clip : { kind: 'rendered', format, bytes: clip }
}

/**
 * Copies the packets of a video to MP4. Undefined when the options require re-encoding, or when the copy
 * would not play everywhere. Fails with the failures of its source.
 */
function copyVideo(
  libav: Libav,
  source: MediaSource,
  sourceFormat: VideoFormat,
  { format, options, limits, admission }: ClipTask,
): Buffer | Failure | undefined {
  if (format !== 'mp4' || !keepsFrames(options)) return undefined
  const opened = openVideoInput(libav, source, sourceFormat, limits)
  if (isFailure(opened)) return undefined
  using input = opened
  const plan = planOf(options.geometry, input.info.video)
  const audio = selectAudio(libav, input, options)
  if (!keepsSize(plan, input.info.video) || !isPlayableEverywhere(libav, input, audio)) return undefined
  if (deferralOf(predictCopy(source.sizeBytes, limits.clipBytes), admission) !== undefined) return undefined
  return remuxVideo(libav, input, {
    audio,
    maxSeconds: secondsOf(options, limits),
    maxBytes: limits.clipBytes,
  })
}

function transcodeVideo(
  libav: Libav,
  source: MediaSource,
  sourceFormat: VideoFormat,
  { format, options, limits, reportProgress, admission }: ClipTask,
): Buffer | Failure {
  const opened = openVideoInput(libav, source, sourceFormat, limits)
  if (isFailure(opened)) return opened
  using input = opened
  const { video, durationSeconds } = input.info
  const { geometry } = options
  const plan = planOf(geometry, video)
  const sourceRate = input.frameRate
  const startSeconds = startSecondsOf(options.time, durationSeconds)
  const longest = spanOf({ startSeconds, seconds: secondsOf(options, limits), durationSeconds })
  const costOf = ({ size, frameRate }: ClipScale, seconds: number) =>
    predictVideoClip({
      format,
      size,
      sourceRate,
      seconds,
      codedBytes: source.sizeBytes * Math.min(1, seconds / (durationSeconds ?? seconds)),
      toneMaps: isHdr(video.colours),
      coded: { codec: video.codec, width: video.codedWidth, height: video.codedHeight },
      frameRate: frameRate ?? sourceRate,
    })
  const scaleOf = ({ pixels, frameRate }: ClipLimits): ClipScale => ({
    size: clipSize(plan, geometry, pixels),
    frameRate: reducedRate(options.fps, sourceRate, frameRate),
  })
  const [best, ...reduced] = CLIP_LIMITS
  const longestSeconds = longest.endSeconds - longest.startSeconds
  const { scale, seconds } = affordableClip(
    {
      scales: [scaleOf(best), ...reduced.map(scaleOf)],
      seconds: longestSeconds,
      mayShorten: options.durationMs === undefined,
    },
    costOf,
    admission.allowance,
  )
  const rejected = reject(costOf(scale, seconds), admission)
  if (rejected !== undefined) return rejected
  // A clip that was shortened ends there. Others go on when the source is longer than it declares.
  const isShortened = seconds < longestSeconds
  const span = isShortened ? spanOf({ startSeconds, seconds, durationSeconds }) : longest
  const lastSeconds = span.startSeconds + (isShortened ? seconds : secondsOf(options, limits))
  return encodeVideoClip(libav, input, {
    format,
    video,
    span,
    sourceRate,
    lastSeconds,
    ...scale,
    goesPastEnd: () => deferralOf(costOf(scale, lastSeconds - span.startSeconds), admission) === undefined,
    audio: selectAudio(libav, input, options),
    quality: options.quality,
    blur: options.blur,
    maxPixels: maxPixels(limits),
    maxBytes: limits.clipBytes,
    maxFrames: maxFramesOf({ ...span, endSeconds: lastSeconds }),
    reportProgress,
  })
}

/** A clip of an animated image, whose frames the tools decode. */
interface AnimationTask extends ClipTask {
  readonly tools: VideoTools
}

async function transcodeAnimation(
  libav: Libav,
  source: MediaSource,
  sourceFormat: SourceImageFormat,
  { format, options, limits, reportProgress, admission, tools }: AnimationTask,
): Promise<Buffer | Failure> {
  const planFor = (info: ImageInfo): Plan => {
    const plan = planOf(options.geometry, info)
    return { ...plan, ...clipSize(plan, options.geometry) }
  }
  const opened = await openImage(source, {
    format: sourceFormat,
    maxBytes: limits.sourceBytes,
    // Repairing the first frame would leave a still.
    checksData: false,
    validate(info) {
      if (info.frames < 2) return failWithHint('not-visual', 'the image is not animated')
      const size = planFor(info)
      // The frames of the part that is shown are counted once the file is read.
      const frames = { held: animationBatchFrames(info, size), decoded: 0, encoded: 0 }
      return (
        validateInfo(info, { limits, animated: true }) ??
        reject(predictAnimationClip({ format, source: info, size, frames }), admission)
      )
    },
  })
  if (isFailure(opened)) return opened
  if (!('info' in opened)) return fail('defect', 'a clip was deferred')
  const { bytes, info } = opened
  const { quality, blur, fps, time } = options
  const plan = planFor(info)
  const size = { width: plan.width, height: plan.height }
  const held = animationBatchFrames(info, size)
  const shown = framesToShow(await frameDurations(bytes, info), {
    time,
    seconds: secondsOf(options, limits),
    fps,
  })
  const ranges = rangesOf(shown, held)
  const decodes = ranges.reduce((sum, { to }) => sum + to, 0)
  // Frames of a WebM are searched for transparency before the first one is encoded.
  const passes = format === 'webm' && ranges.length > 1 ? 2 : 1
  const frames = { held, decoded: passes * decodes, encoded: shown.length }
  const rejected = reject(predictAnimationClip({ format, source: info, size, frames }), admission)
  if (rejected !== undefined) return rejected
  // Raw pixels with alpha.
  const render: Render = {
    plan,
    format: 'png',
    quality,
    animated: true,
    ...(blur === undefined ? {} : { blur }),
  }
  return asFailureLater(() =>
    encodeAnimation(libav, {
      format,
      quality,
      size,
      shown,
      ranges,
      decode: (range) => decodeStrip(opened, render, tools, range),
      maxBytes: limits.clipBytes,
      reportProgress,
    }),
  )
}

/**
 * Returns the failure of a clip that would exceed the admitted cost. No larger cost is ever admitted for
 * clips.
 */
function reject(cost: Cost, admission: Admission): Failure | undefined {
  if (deferralOf(cost, admission) === undefined) return undefined
  const { memoryBytes, cpuSeconds } = cost
  return fail(
    'too-large-dimensions',
    `a clip is predicted to take ${Math.ceil(memoryBytes / 2 ** 20)} MiB, ${cpuSeconds.toFixed(1)} s`,
  )
}

/** Returns the longest duration of the clip, in seconds. */
function secondsOf({ durationMs }: RenderOptions, { clipSeconds }: SourceLimits): number {
  return Math.min(clipSeconds, (durationMs ?? Number.POSITIVE_INFINITY) / 1000)
}

function selectAudio(libav: Libav, input: VideoInput, { silent }: RenderOptions): AudioTrack | undefined {
  return silent ? undefined : decodableAudio(libav, input.tracks)
}

function keepsFrames({ isQualityRequested, blur, time, fps }: RenderOptions): boolean {
  return !isQualityRequested && blur === undefined && time === undefined && fps === undefined
}
