/**
 * A filter chain for audio. It is opened again when the audio continues with another channel layout, sample
 * rate or format.
 */

import type { Frame, IRational } from 'node-av/lib'
import { audioFilterSource, type FilterChain, openFilterChain } from '../libav/filter-chain.ts'
import type { Libav } from '../libav/load.ts'

export type AudioFilter = Pick<FilterChain, 'push' | 'drain'> & Disposable

/**
 * Opens a chain for audio with timestamps in `unit`. The filters have to end in a single layout, rate and
 * format. The caller disposes of it.
 */
export function openAudioFilter(libav: Libav, unit: IRational, filters: readonly string[]): AudioFilter {
  let chain: FilterChain | undefined
  let kind = ''

  return {
    push(samples, onFrame) {
      const source = audioFilterSource(samples, unit)
      if (chain === undefined || source !== kind) {
        chain?.drain(onFrame)
        chain?.[Symbol.dispose]()
        chain = undefined
        chain = openFilterChain(libav, { kind: 'audio', source, filters })
        kind = source
      }
      return chain.push(samples, onFrame)
    },
    drain: (onFrame: (frame: Frame) => void) => chain?.drain(onFrame),
    [Symbol.dispose]: () => chain?.[Symbol.dispose](),
  }
}
