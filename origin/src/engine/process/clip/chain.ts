/** A chain of libav's filters through which pictures or sound go one after the other. */

import type { FilterContext, Frame, IRational } from 'node-av/lib'
import type { Libav } from '../libav/load.ts'
import { RefusedByLibav } from './refused.ts'

export interface Chain extends Disposable {
  /** Unit of the times that come out. */
  readonly timeBase: IRational
  /**
   * A frame that comes out is the chain's again when `onFrame` returns; false once the filters want no more. Throws
   * `RefusedByLibav` where one does not fit.
   */
  push(frame: Frame, onFrame: (frame: Frame) => void): boolean
  /** Hands over what the filters still hold. */
  drain(onFrame: (frame: Frame) => void): void
}

export interface ChainOptions {
  /** FFmpeg's description of the source, without its name. */
  readonly source: string
  readonly filters: readonly string[]
  readonly kind: 'pictures' | 'sound'
}

/** What pictures of square pixels are, as a chain's source; their times count so many ticks a second. */
export function pictureSource(
  { width, height, format }: Pick<Frame, 'width' | 'height' | 'format'>,
  ticksPerSecond: number,
): string {
  return `video_size=${width}x${height}:pix_fmt=${format}:time_base=1/${ticksPerSecond}:pixel_aspect=1/1`
}

/** What decoded sound is, as a chain's source. */
export function soundSource(
  { sampleRate, format, channelLayout: { nbChannels, mask } }: Frame,
  { num, den }: IRational,
): string {
  const layout = mask > 0n ? `0x${mask.toString(16)}` : `${nbChannels}c`
  return `time_base=${num}/${den}:sample_rate=${sampleRate}:sample_fmt=${format}:channel_layout=${layout}`
}

/** Opens a chain; the caller disposes of it. Throws `RefusedByLibav` where libav does not take the description. */
export function openChain({ library, constants }: Libav, { source, filters, kind }: ChainOptions): Chain {
  const [first, last] = kind === 'pictures' ? ['buffer', 'buffersink'] : ['abuffer', 'abuffersink']
  const graph = new library.FilterGraph()
  graph.alloc()
  graph.nbThreads = 1
  const description = [`${first}@source=${source}`, ...filters, `${last}@sink`].join(',')
  const parsed = graph.parsePtr(description)
  const configured = parsed < 0 ? parsed : graph.configSync()
  const [from, to] = [graph.getFilter(`${first}@source`), graph.getFilter(`${last}@sink`)]
  if (configured < 0 || from === null || to === null) {
    graph.free()
    throw new RefusedByLibav(`libav does not take the filters ${description}: ${configured}`)
  }
  const out = new library.Frame()
  out.alloc()

  function take(sink: FilterContext, onFrame: (frame: Frame) => void): void {
    while (sink.buffersinkGetFrameSync(out) >= 0) {
      try {
        onFrame(out)
      } finally {
        out.unref()
      }
    }
  }

  return {
    timeBase: to.buffersinkGetTimeBase(),
    push(frame, onFrame) {
      const given = from.buffersrcAddFrameSync(frame, constants.AV_BUFFERSRC_FLAG_KEEP_REF)
      if (given < 0 && given !== constants.AVERROR_EOF)
        throw new RefusedByLibav(`the filters refuse a frame: ${given}`)
      take(to, onFrame)
      return given >= 0
    },
    drain(onFrame) {
      from.buffersrcAddFrameSync(null)
      take(to, onFrame)
    },
    [Symbol.dispose]() {
      out.free()
      graph.free()
    },
  }
}
