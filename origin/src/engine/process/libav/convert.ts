/**
 * Converts decoded frames to bytes: scaled, in the right colours, upright. libavfilter does the work, in one
 * thread.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { FilterContext, FilterGraph, Frame } from 'node-av/lib'
import { dropUnsupportedMatrix } from './declared-matrix.ts'
import type { Libav } from './load.ts'

/** The properties of a frame that the choice of filters may depend on. */
export type FrameProperties = Pick<
  Frame,
  'width' | 'height' | 'format' | 'colorSpace' | 'colorTrc' | 'colorPrimaries' | 'colorRange'
>

export interface ConverterOptions {
  /** Returns the filters for a frame. It is called again when the next frame has other properties. */
  readonly filtersFor: (frame: FrameProperties) => readonly string[]
  /** FFmpeg's name of the output pixel format, which has a single plane. */
  readonly pixels: 'rgb24' | 'rgba' | 'rgb48le' | 'rgba64le' | 'gray'
}

export interface Converter extends Disposable {
  /** Returns the frame's bytes, row after row without padding. Fails with `undecodable`. */
  convert(frame: Frame): Buffer | Failure
}

/**
 * Creates a converter for the frames of one video, which mostly share the same properties. The caller
 * disposes of it.
 */
export function createConverter(libav: Libav, { filtersFor, pixels }: ConverterOptions): Converter {
  const { library, constants } = libav
  const converted = new library.Frame()
  converted.alloc()
  let chain: Chain | undefined
  let kind = ''

  return {
    convert(frame) {
      dropUnsupportedMatrix(libav, frame)
      const seen = kindOf(frame)
      if (chain === undefined || seen !== kind) {
        chain?.graph.free()
        chain = startChain(libav, frame, [...filtersFor(frame), `format=${pixels}`])
        kind = seen
      }
      if (chain === undefined) return fail('undecodable', 'no filters for the frame')
      try {
        const given = chain.source.buffersrcAddFrameSync(frame, constants.AV_BUFFERSRC_FLAG_KEEP_REF)
        const taken = given < 0 ? given : chain.sink.buffersinkGetFrameSync(converted)
        return taken < 0 ? fail('undecodable', `filters: ${taken}`) : converted.toBuffer()
      } finally {
        converted.unref()
      }
    },
    [Symbol.dispose]() {
      chain?.graph.free()
      converted.free()
    },
  }
}

interface Chain {
  readonly graph: FilterGraph
  readonly source: FilterContext
  readonly sink: FilterContext
}

function startChain(
  { library }: Libav,
  frame: FrameProperties,
  filters: readonly string[],
): Chain | undefined {
  const { width, height, format, colorSpace, colorRange } = frame
  const shape = `video_size=${width}x${height}:pix_fmt=${format}:time_base=1/1000000:pixel_aspect=1/1`
  const source = `buffer@source=${shape}:colorspace=${colorSpace}:range=${colorRange}`
  const graph = new library.FilterGraph()
  graph.alloc()
  graph.nbThreads = 1
  const parsed = graph.parsePtr([source, ...filters, 'buffersink@sink'].join(','))
  const [from, to] = [graph.getFilter('buffer@source'), graph.getFilter('buffersink@sink')]
  if (parsed < 0 || from === null || to === null || graph.configSync() < 0) {
    graph.free()
    return undefined
  }
  return { graph, source: from, sink: to }
}

function kindOf({
  width,
  height,
  format,
  colorSpace,
  colorTrc,
  colorPrimaries,
  colorRange,
}: FrameProperties): string {
  return [width, height, format, colorSpace, colorTrc, colorPrimaries, colorRange].join(' ')
}
