/**
 * Examines a source. It is opened once for its metadata, the placeholder and the images of the scan. Every
 * kind of media returns the same shape, and frames are decoded no larger than their use requires.
 */

import { type Failure, fail, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type AudioKind, audioOnlyKind, isHeif, type MediaKind, videoKindOf } from '../../../media/kinds.ts'
import type { Size } from '../../../media/size.ts'
import { FREE, sequentialCost } from '../../cost.ts'
import type { Cost, Deferred, ExamineJob } from '../../jobs.ts'
import { ANALYSIS_SIDE_PIXELS } from '../../scan-model.ts'
import { predictWaveform } from '../../video-cost.ts'
import { validateAudioCodecs } from '../container/codecs.ts'
import type { ContainerInfo } from '../container/container.ts'
import { type ImageSequence, readSequence } from '../formats/heif/sequence.ts'
import { animationTimes } from '../image/animation-frames.ts'
import { decodeImage, shrink } from '../image/decode.ts'
import { type ImageInfo, validateInfo } from '../image/inspect.ts'
import { sizeWithin } from '../image/plan.ts'
import { decodeScanFrames, scanDecodes } from '../image/scan-frames.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { cutIntoParts, partsOf } from '../scan/long-image.ts'
import { otherImages, readOthers } from '../scan/other-images.ts'
import { type MediaSource, memorySource } from '../source/media-source.ts'
import { readAudio } from '../video/audio.ts'
import {
  OTHER_SAMPLES,
  readOtherTracks,
  readScanFrames,
  scanSamples,
  withOpaqueCopy,
} from '../video/scan-frames.ts'
import { openVideo, type Video, type VideoTools } from '../video/video.ts'
import { type Admission, deferralOf } from './admission.ts'
import { openImage, withDataRepair } from './open-image.ts'
import { predictThumbnails, predictVideoStill } from './predict.ts'
import { createStillDecoder } from './stills.ts'

export interface Examined {
  readonly kind: MediaKind
  /** The displayed size in pixels. Undefined for audio. */
  readonly size?: Size
  /** Undefined for still images. */
  readonly durationSeconds?: number
  /** Images only. */
  readonly animated?: boolean
  /** The codec names of the contract, section 7. */
  readonly codecs?: { readonly video?: string; readonly audio?: string }
  /** The first displayed frame. Undefined for audio. */
  readonly first?: RawImage
  /**
   * The images for a scan, in order: the image, or frames of an animation or a video. Empty for audio, or
   * when no scan was requested.
   */
  readonly frames: readonly RawImage[]
}

/**
 * Examines a source, or returns the predicted cost when it exceeds the admitted cost. Fails with
 * `unsupported-format`, `unsupported-codec`, `undecodable`, `too-large-dimensions`, `source-too-large`, or
 * with the failures of reading the source.
 */
export async function examine(
  source: MediaSource,
  { scan, scanFrames, acceptAnyAudio, extras, allowance }: Omit<ExamineJob, 'kind' | 'source' | 'limits'>,
  tools: VideoTools,
  reportCost: (cost: Cost) => void,
): Promise<Examined | Deferred | Failure> {
  const { kind } = source
  const wantsWaveform = extras.includes('waveform')
  const options = {
    scan,
    scanFrames,
    acceptAnyAudio,
    wantsWaveform,
    tools,
    admission: { allowance, reportCost },
  }
  switch (kind?.kind) {
    case undefined:
      return fail('unsupported-format', 'the first bytes are of no accepted type')
    case 'image':
      return withDataRepair(kind.format, (checksData) =>
        examineImage(source, kind, { ...options, checksData }),
      )
    case 'video':
      return examineVideo(source, kind, options)
    case 'audio':
      return (await examineVideoInAudioFile(source, kind, options)) ?? examineAudio(source, kind, options)
  }
}

interface ExamineOptions {
  readonly scan: boolean
  readonly scanFrames: number
  readonly acceptAnyAudio: boolean
  /** Whether all audio is decoded for the waveform. */
  readonly wantsWaveform: boolean
  readonly tools: VideoTools
  readonly admission: Admission
}

async function examineImage(
  source: MediaSource,
  kind: MediaKind & { readonly kind: 'image' },
  options: ExamineOptions & { readonly checksData: boolean },
): Promise<Examined | Deferred | Failure> {
  const { tools, scan, scanFrames, checksData, admission } = options
  const { limits } = tools
  const usesLibav = kind.format === 'heic' && (await tools.libav()) !== undefined
  const opened = await openImage(source, {
    format: kind.format,
    checksData,
    maxBytes: limits.sourceBytes,
    // Only single frames are decoded, also of a sequence, so the number of frames is not checked.
    validate: (info, available) => {
      const rejected = validateInfo(info, { limits, animated: false })
      if (rejected !== undefined) return rejected
      const isPlayed = isHeif(info.format) && readSequence(available.bytes) !== undefined
      const decodes = scan && !isHeif(info.format) ? scanDecodes(info, scanFrames, limits) : 1
      const still = predictThumbnails({ ...info, usesLibav }, available, decodes)
      const others = scan ? otherImages(available.bytes, info) : []
      const stills = others
        .map(({ size }) =>
          size === undefined ? still : predictThumbnails({ ...info, ...size, usesLibav }, available, 1),
        )
        .reduce(sequentialCost, still)
      return deferralOf(
        scan && isPlayed ? sequentialCost(stills, predictAnalysis(info, scanFrames + 1)) : stills,
        admission,
      )
    },
  })
  if (!('info' in opened)) return opened
  const { bytes, info } = opened
  const sequence = isHeif(info.format) ? readSequence(bytes) : undefined
  const decodeStill = createStillDecoder(tools)
  const decodeFirst = (file: Uint8Array, header: ImageInfo) =>
    decodeImage(file, header, { frame: 0, maxSidePixels: ANALYSIS_SIDE_PIXELS }, decodeStill)
  const isPlayed = sequence !== undefined || info.frames > 1
  const maxSidePixels = ANALYSIS_SIDE_PIXELS * (scan && !isPlayed ? partsOf(info) : 1)
  const whole = await decodeImage(bytes, info, { frame: 0, maxSidePixels }, decodeStill)
  if (isFailure(whole)) return whole
  const parts = scan && !isPlayed ? await cutIntoParts(whole) : []
  if (isFailure(parts)) return parts
  const first = await shrink(whole, ANALYSIS_SIDE_PIXELS)
  if (isFailure(first)) return first
  const size = { width: info.width, height: info.height }
  const animated = info.frames > 1
  const others = scan ? await readOthers(bytes, info, limits, decodeFirst) : []
  if (isFailure(others)) return others
  if (sequence !== undefined) {
    const played = await examineSequence(sequence, options)
    // A sequence that viewers do not play may be broken.
    if (isFailure(played) && animated) return played
    const { durationSeconds, frames } = isFailure(played) ? { durationSeconds: 0, frames: [] } : played
    return {
      kind,
      size,
      first,
      animated,
      ...(animated ? { durationSeconds } : {}),
      frames: scan ? [first, ...others, ...frames] : [],
    }
  }
  const times = animated ? await animationTimes(bytes, info) : [0]
  const durationSeconds = times.at(-1) ?? 0
  return {
    kind,
    size,
    animated,
    ...(animated ? { durationSeconds } : {}),
    first,
    frames: scan
      ? [
          first,
          ...parts,
          ...others,
          ...(await decodeScanFrames(bytes, info, times, { maxFrames: scanFrames, limits })),
        ]
      : [],
  }
}

/**
 * Decodes frames of the video track of an image sequence. The still image of the same file may show something
 * else, so both are scanned.
 */
async function examineSequence(
  sequence: ImageSequence,
  { scan, scanFrames, tools }: ExamineOptions,
): Promise<{ readonly durationSeconds: number; readonly frames: readonly RawImage[] } | Failure> {
  const video = await openVideo(tools, memorySource(sequence.asVideo(), undefined), 'mp4')
  if (isFailure(video)) return video
  try {
    const { durationSeconds = 0 } = video.info
    if (!scan) return { durationSeconds, frames: [] }
    const first = await video.readFrame(undefined, sizeWithin(video.info.video, ANALYSIS_SIDE_PIXELS))
    const frames = isFailure(first)
      ? first
      : await readScanFrames(video, first, { maxFrames: scanFrames, poster: false })
    return isFailure(frames) ? frames : { durationSeconds, frames }
  } finally {
    await video.close()
  }
}

async function examineVideo(
  source: MediaSource,
  kind: MediaKind & { readonly kind: 'video' },
  options: ExamineOptions,
): Promise<Examined | Deferred | Failure> {
  const video = await openVideo(options.tools, source, kind.format)
  if (isFailure(video)) {
    if (video.code !== 'not-visual') return video
    // A video container with audio streams only is treated as audio.
    const audioKind = audioOnlyKind(kind.format)
    if (audioKind === undefined) return failWithHint('unsupported-format', `audio only in ${kind.format}`)
    return examineAudio(source, audioKind, options)
  }
  try {
    const openOther = (index: number) => openVideo(options.tools, source, kind.format, index)
    return await examineOpenedVideo(video, kind, { ...options, openOther })
  } finally {
    await video.close()
  }
}

/**
 * Examines a file that is declared as audio but contains a video stream. Brands and file names are claims,
 * and the video track may lie behind the first bytes, from which the kind was detected. Undefined when the
 * file is audio.
 */
async function examineVideoInAudioFile(
  source: MediaSource,
  { format }: MediaKind,
  options: ExamineOptions,
): Promise<Examined | Deferred | Failure | undefined> {
  const kind = videoKindOf(format)
  if (kind === undefined) return undefined
  const video = await openVideo(options.tools, source, kind.format)
  // Without a video stream that decodes there is nothing to scan. Other faults of the file are reported by
  // the examination as audio.
  if (isFailure(video)) return undefined
  try {
    // A cover image, or the images of chapters.
    if (video.info.video.codec === 'mjpeg') return undefined
    if (!options.acceptAnyAudio && validateAudioCodecs(video.info.audio, 'video') !== undefined)
      return undefined
    const openOther = (index: number) => openVideo(options.tools, source, kind.format, index)
    const examined = await examineOpenedVideo(video, kind, { ...options, openOther })
    return isFailure(examined) && examined.code === 'undecodable' ? undefined : examined
  } finally {
    await video.close()
  }
}

interface ExamineVideoOptions extends ExamineOptions {
  /** Opens the same file for one of its other video tracks. */
  readonly openOther: (index: number) => Promise<Video | Failure>
}

async function examineOpenedVideo(
  video: Video,
  kind: MediaKind,
  { scan, scanFrames, acceptAnyAudio, wantsWaveform, admission, openOther }: ExamineVideoOptions,
): Promise<Examined | Deferred | Failure> {
  const rejected = acceptAnyAudio ? undefined : validateAudioCodecs(video.info.audio, 'video')
  if (rejected !== undefined) return rejected
  const { width, height } = video.info.video
  const shownAt = sizeWithin(video.info.video, ANALYSIS_SIDE_PIXELS)
  const costs = [
    predictAnalysis(video.info.video, scan ? scanSamples(scanFrames) : 0),
    ...(scan ? video.info.others.map((other) => predictAnalysis(other, OTHER_SAMPLES)) : []),
  ]
  const analysisCost = costs.reduce(sequentialCost)
  const waveformCost = wantsWaveform ? predictWaveform(video.info.durationSeconds ?? 0) : FREE
  const deferred = deferralOf(sequentialCost(analysisCost, waveformCost), admission)
  if (deferred !== undefined) return deferred
  const first = await video.readFrame(undefined, shownAt)
  if (isFailure(first)) return first
  const shown = scan ? await readScanFrames(video, first, { maxFrames: scanFrames, poster: true }) : []
  if (isFailure(shown)) return shown
  const others = scan ? await readOtherTracks(video, openOther) : []
  if (isFailure(others)) return others
  const { durationSeconds } = video.info
  return {
    kind,
    size: { width, height },
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    codecs: codecsOf(video.info),
    first,
    frames: [...shown, ...others].flatMap(withOpaqueCopy),
  }
}

/** Predicts the cost of the first frame of a video and of `samples` more for the scan. */
function predictAnalysis(video: Size, samples: number): Cost {
  const plan = { ...sizeWithin(video, ANALYSIS_SIDE_PIXELS), mode: 'exact', gravity: 'centre' } as const
  return predictVideoStill(video, { plan, format: 'jpeg', quality: 80, animated: false }, samples)
}

/**
 * Returns the codec names. Of several audio tracks the first with an accepted codec is the one that plays.
 */
function codecsOf({ video, audio }: ContainerInfo): NonNullable<Examined['codecs']> {
  const audioCodec = audio.find((codec) => codec !== undefined)
  const videoCodec = video?.codec === 'hidden' ? undefined : video?.codec
  return {
    ...(videoCodec === undefined ? {} : { video: videoCodec }),
    ...(audioCodec === undefined ? {} : { audio: audioCodec }),
  }
}

async function examineAudio(
  source: MediaSource,
  kind: AudioKind,
  { tools, wantsWaveform, admission }: ExamineOptions,
): Promise<Examined | Deferred | Failure> {
  const info = await readAudio(tools, source, kind.format)
  if (isFailure(info)) return info
  const { durationSeconds } = info
  const deferred = wantsWaveform ? deferralOf(predictWaveform(durationSeconds ?? 0), admission) : undefined
  if (deferred !== undefined) return deferred
  const codecs = codecsOf({ ...info, video: undefined })
  return { kind, ...(durationSeconds === undefined ? {} : { durationSeconds }), codecs, frames: [] }
}
