/** An animated preview of a film: some of its pictures, in an image format that moves. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import type { Plan } from '../image/plan.ts'
import type { Played } from '../image/render-image.ts'
import type { Libav } from '../libav/load.ts'
import type { OpenedStreams } from '../libav/open.ts'
import { createPainter, type Painter } from '../libav/painter.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { readFilm, type Span } from './film.ts'

export interface PreviewOptions {
  readonly video: VideoInfo
  /** Of each picture that is handed over. */
  readonly size: Size
  readonly span: Span
  /** Pictures a second. */
  readonly pictureRate: number
  /** What the format counts time in, in milliseconds: rounded one by one, its pictures would come later and later. */
  readonly timeUnitMs: number
  /** Largest picture that is decoded, in pixels. */
  readonly maxPixels: number
}

/** The same with all of its pictures at hand. */
export interface Preview extends Played {
  readonly frames: readonly RawPicture[]
}

/** The smallest size from which a plan loses nothing. */
export function coveringSize(video: Size, plan: Plan): Size {
  const scale = Math.min(1, Math.max(plan.width / video.width, plan.height / video.height))
  return plan.mode === 'exact'
    ? { width: plan.width, height: plan.height }
    : {
        width: Math.max(1, Math.round(video.width * scale)),
        height: Math.max(1, Math.round(video.height * scale)),
      }
}

/** How many pictures a preview has. */
export function previewPictures({ startSeconds, endSeconds }: Span, pictureRate: number): number {
  return Math.max(1, Math.ceil((endSeconds - startSeconds) * pictureRate - ROUNDING))
}

const ROUNDING = 1e-6

/** The pictures that are shown at evenly spaced moments of the span. Fails as the film is read. */
export function playPreview(libav: Libav, film: OpenedStreams, options: PreviewOptions): Preview | Failure {
  const { video, size, span, pictureRate, timeUnitMs, maxPixels } = options
  using sampler = createSampler(createPainter(libav, { video, size }), span, pictureRate)
  const failed = readFilm(libav, film, { video, maxPixels, sound: undefined }, span, {
    onPicture: sampler.see,
    onSound: () => false,
  })
  const pictures = isFailure(failed) ? failed : sampler.finish()
  if (isFailure(pictures)) return pictures
  const ends = pictures.map((_, index) => {
    // Of a film of few pictures each stays for longer than all of it is played.
    const endMs = Math.min((index + 1) / pictureRate, span.endSeconds - span.startSeconds) * 1000
    return Math.round(endMs / timeUnitMs) * timeUnitMs
  })
  const delay = ends.map((end, index) => end - (ends[index - 1] ?? 0))
  return { frames: pictures, count: pictures.length, timing: { loop: 0, delay } }
}

interface Sampler extends Disposable {
  /** Takes the next picture of the film; false once there is one for every moment. */
  readonly see: (picture: Frame, seconds: number) => boolean
  /** The pictures, at least one. Fails where there was none, or one could not be converted. */
  finish(): readonly RawPicture[] | Failure
}

function createSampler(painter: Painter, span: Span, pictureRate: number): Sampler {
  const wanted = previewPictures(span, pictureRate)
  const taken: RawPicture[] = []
  let failure: Failure | undefined
  let shown: Frame | undefined

  /** What is shown until then is what is shown at each moment before. */
  function takeUntil(seconds: number): void {
    if (shown === undefined) return
    let painted: RawPicture | Failure | undefined
    while (taken.length < wanted && momentOf(taken.length) + ROUNDING < seconds) {
      painted ??= painter.paint(shown)
      if (isFailure(painted)) {
        failure ??= painted
        return
      }
      taken.push(painted)
    }
  }

  const momentOf = (index: number) => span.startSeconds + index / pictureRate

  return {
    see(picture, seconds) {
      takeUntil(seconds)
      shown?.free()
      shown = picture.clone() ?? undefined
      return failure === undefined && taken.length < wanted
    },
    finish() {
      takeUntil(span.endSeconds)
      // What begins with the end of the film has one picture all the same.
      if (taken.length === 0) takeUntil(Number.POSITIVE_INFINITY)
      return failure ?? (taken.length === 0 ? fail('undecodable', 'no picture decodes') : taken)
    },
    [Symbol.dispose]() {
      shown?.free()
      painter[Symbol.dispose]()
    },
  }
}
