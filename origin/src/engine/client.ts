/** The interface through which the server uses the engine. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Lane } from '../concurrency/lane.ts'
import type { MediaKind } from '../media/kinds.ts'
import type { SourceLimits } from '../media/limits.ts'
import { isWhole, type Source } from '../source/bytes/source.ts'
import type { BytesLocation, ExtraName, JobSource, ResultOf, Sharing } from './jobs.ts'
import type { EngineLanes } from './lanes.ts'
import type { RenderOptions, RenderQuality } from './render-options.ts'
import type { JobTime, Runner } from './runner.ts'

export type { EngineEvents, JobTime } from './runner.ts'

export interface EngineOptions {
  readonly run: Runner
  readonly lanes: EngineLanes
  readonly limits: SourceLimits
  readonly renderQuality: RenderQuality
  /** The largest number of evenly spaced frames of an animation or a video that a scan examines. */
  readonly scanFrames: number
}

export interface Rendered {
  readonly format: Extract<ResultOf<'render'>, { readonly kind: 'rendered' }>['format']
  readonly bytes: Uint8Array
  readonly spriteIntervalSeconds?: number
}

export interface Examined
  extends Omit<Extract<ResultOf<'examine'>, { kind: 'examined' }>, 'kind' | 'format'> {
  readonly format: MediaKind['format']
  /**
   * The images for the model, concatenated, the most important first. Empty when no scan was requested or
   * there is nothing to see.
   */
  readonly images: Uint8Array
}

/** What an examination returns in addition to the fields that it always returns. */
export interface ExaminationOptions {
  /** Whether to return images for the scan model. */
  readonly scan: boolean
  /** Whether to examine the images even if the audio codec is not accepted. */
  readonly acceptAnyAudio?: boolean
  readonly extras?: readonly ExtraName[]
}

export interface FrameFile {
  readonly timestampSeconds: number
  readonly mime: string
  readonly bytes: Uint8Array
}

/**
 * Every method fails with the failures of its source, or with `too-large-dimensions`, `overloaded`,
 * `deadline`, `client-gone` or `not-ready`.
 */
export interface Engine {
  /** Makes a rendition. */
  render(source: Source, options: RenderOptions, time: JobTime): Promise<Rendered | Failure>
  /** Returns the metadata of a source. */
  examine(source: Source, options: ExaminationOptions, time: JobTime): Promise<Examined | Failure>
  /** Returns three frames of an animation or a video, or the file of a still image unchanged. */
  readFrames(source: Source, time: JobTime): Promise<readonly FrameFile[] | Failure>
  /**
   * Returns the failure with which a job would be rejected now, given `underWay` further jobs that are on
   * their way to the lane. Undefined when it would be accepted.
   */
  rejection(kind: 'image' | 'video' | 'clip', underWay: number): Failure | undefined
}

export function createEngine({ run, lanes, limits, renderQuality, scanFrames }: EngineOptions): Engine {
  return {
    async render(source, options, time) {
      const ended = await run(
        source,
        (allowance, sharing) => ({
          kind: 'render',
          source: jobSource(source, sharing),
          limits,
          options,
          renderQuality,
          allowance,
        }),
        time,
        isClipFormat(options.format) ? 'clip' : undefined,
      )
      if (isFailure(ended)) return ended
      const { result, body } = ended
      if (isFailure(result)) return result
      if (result.kind !== 'rendered') return fail('defect', result.kind)
      const bytes = result.untouched ? await readWhole(lanes.heavy, source, time) : body
      const { format, spriteIntervalSeconds } = result
      if (isFailure(bytes)) return bytes
      return { format, bytes, ...(spriteIntervalSeconds === undefined ? {} : { spriteIntervalSeconds }) }
    },

    async examine(source, { scan, acceptAnyAudio = false, extras = [] }, time) {
      const examineWith = (requestedExtras: readonly ExtraName[]) =>
        run(
          source,
          (allowance, sharing) => ({
            kind: 'examine',
            source: jobSource(source, sharing),
            limits,
            scan,
            scanFrames,
            acceptAnyAudio,
            extras: requestedExtras,
            allowance,
          }),
          time,
        )
      let ended = await examineWith(extras)
      // Media that is too long to decode completely is examined without its waveform. An image has no
      // waveform, so a second attempt would be too large again.
      const mayHaveAudio = source.kind?.kind === 'audio' || source.kind?.kind === 'video'
      const wantsWaveform = mayHaveAudio && extras.includes('waveform')
      if (isFailure(ended) && ended.code === 'too-large-dimensions' && wantsWaveform)
        ended = await examineWith(extras.filter((extra) => extra !== 'waveform'))
      if (isFailure(ended)) return ended
      const { result, body } = ended
      if (isFailure(result)) return result
      if (result.kind !== 'examined') return fail('defect', result.kind)
      const { kind: _, ...examined } = result
      return { ...examined, images: body }
    },

    async readFrames(source, time) {
      const ended = await run(
        source,
        (allowance, sharing) => ({ kind: 'frames', source: jobSource(source, sharing), limits, allowance }),
        time,
      )
      if (isFailure(ended)) return ended
      const { result, body } = ended
      if (isFailure(result)) return result
      return result.kind === 'frames' ? cutFrames(result.frames, body) : fail('defect', result.kind)
    },

    rejection: (kind, underWay) =>
      ({ image: lanes.quick, video: lanes.videos, clip: lanes.clips })[kind].rejection(underWay),
  }
}

function jobSource(source: Source, sharing: Sharing): JobSource {
  return {
    format: source.kind?.format ?? null,
    sizeBytes: source.parts.sizeBytes,
    location: locationOf(source),
    ...sharing,
  }
}

/**
 * The largest source that is sent together with its job, in bytes. The header of a larger one is read first,
 * because a job that is rejected or that waits for its turn does not need the rest.
 */
const MAX_SENT_BYTES = 1024 * 1024

function locationOf(source: Source): BytesLocation {
  if (!isWhole(source)) return 'store'
  return source.bytes.length > MAX_SENT_BYTES ? 'memory' : 'body'
}

/** Returns all bytes of a source. A large source is read in the given lane, which bounds memory. */
async function readWhole(
  lane: Lane,
  source: Source,
  { signal, timeLeftMs }: JobTime,
): Promise<Uint8Array | Failure> {
  if (isWhole(source)) return source.bytes
  const weightBytes = source.parts.sizeBytes
  return lane.run(signal, () => source.parts.read(0, weightBytes), { timeLeftMs, weightBytes })
}

/** Splits a body into its files, which are concatenated. */
function cutFrames(
  frames: Extract<ResultOf<'frames'>, { kind: 'frames' }>['frames'],
  body: Uint8Array,
): readonly FrameFile[] {
  let at = 0
  return frames.map(({ timestampSeconds, mime, bytes }) => {
    at += bytes
    return { timestampSeconds, mime, bytes: body.subarray(at - bytes, at) }
  })
}
