/**
 * Converts decoded frames to bytes: scaled, in the right colours, upright. libavfilter does the work, in one
 * thread.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import { dropUnsupportedMatrix } from './declared-matrix.ts'
import { MICROSECONDS } from './decoder.ts'
import { type FilterChain, openFilterChain, videoFilterSource } from './filter-chain.ts'
import { asFailure } from './libav-rejection.ts'
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
  let chain: FilterChain | undefined
  let kind = ''

  function chainFor(frame: Frame): FilterChain {
    const seen = kindOf(frame)
    if (chain !== undefined && seen === kind) return chain
    chain?.[Symbol.dispose]()
    chain = undefined
    kind = seen
    const filters = [...filtersFor(frame), `format=${pixels}`]
    chain = openFilterChain(libav, { kind: 'video', source: sourceOf(frame), filters })
    return chain
  }

  return {
    convert(frame) {
      dropUnsupportedMatrix(libav, frame)
      return asFailure(() => {
        let converted: Buffer | undefined
        chainFor(frame).push(frame, (result) => {
          converted ??= result.toBuffer()
        })
        return converted ?? fail('undecodable', 'the filters return no frame')
      })
    },
    [Symbol.dispose]() {
      chain?.[Symbol.dispose]()
    },
  }
}

function sourceOf(frame: FrameProperties): string {
  const { colorSpace, colorRange } = frame
  return `${videoFilterSource(frame, MICROSECONDS)}:colorspace=${colorSpace}:range=${colorRange}`
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
