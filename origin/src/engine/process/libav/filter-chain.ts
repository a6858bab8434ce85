/** A chain of FFmpeg filters that processes frames of video or audio one after the other. */

import type { FilterContext, Frame, IRational } from 'node-av/lib'
import { LibavRejection } from './libav-rejection.ts'
import type { Libav } from './load.ts'

export interface FilterChain extends Disposable {
  /** The time base of the output. */
  readonly timeBase: IRational
  /**
   * Filters a frame and passes the results to `onFrame`; the chain owns them again when it returns. Returns
   * false once the filters accept no more frames. Throws `LibavRejection` when the filters reject the frame.
   */
  push(frame: Frame, onFrame: (frame: Frame) => void): boolean
  /** Passes the frames that the filters still hold to `onFrame`. */
  drain(onFrame: (frame: Frame) => void): void
}

export interface FilterChainOptions {
  /** FFmpeg's description of the source filter, without its name. */
  readonly source: string
  readonly filters: readonly string[]
  readonly kind: 'video' | 'audio'
}

/** Describes frames with square pixels as the source of a chain. Their timestamps count `ticksPerSecond`. */
export function videoFilterSource(
  { width, height, format }: Pick<Frame, 'width' | 'height' | 'format'>,
  ticksPerSecond: number,
): string {
  return `video_size=${width}x${height}:pix_fmt=${format}:time_base=1/${ticksPerSecond}:pixel_aspect=1/1`
}

/** Describes decoded audio as the source of a chain. */
export function audioFilterSource(
  { sampleRate, format, channelLayout: { nbChannels, mask } }: Frame,
  { num, den }: IRational,
): string {
  const layout = mask > 0n ? `0x${mask.toString(16)}` : `${nbChannels}c`
  return `time_base=${num}/${den}:sample_rate=${sampleRate}:sample_fmt=${format}:channel_layout=${layout}`
}

/**
 * Opens a chain. The caller disposes of it. Throws `LibavRejection` when libav does not accept the
 * description.
 */
export function openFilterChain(
  { library, constants }: Libav,
  { source, filters, kind }: FilterChainOptions,
): FilterChain {
  const [first, last] = kind === 'video' ? ['buffer', 'buffersink'] : ['abuffer', 'abuffersink']
  const graph = new library.FilterGraph()
  graph.alloc()
  graph.nbThreads = 1
  const description = [`${first}@source=${source}`, ...filters, `${last}@sink`].join(',')
  const parsed = graph.parsePtr(description)
  const configured = parsed < 0 ? parsed : graph.configSync()
  const [from, to] = [graph.getFilter(`${first}@source`), graph.getFilter(`${last}@sink`)]
  if (configured < 0 || from === null || to === null) {
    graph.free()
    throw new LibavRejection(`libav rejects the filters ${description}: ${configured}`)
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
        throw new LibavRejection(`the filters reject a frame: ${given}`)
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
