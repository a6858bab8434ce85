/**
 * Corrects the end of an MP4's video track. The duration of the track is the sum of the decoding intervals
 * (ISO/IEC 14496-12, section 8.6.1.2), and of the duration of the last frame. When frames are reordered and
 * shown for unequal times, this sum differs from the time for which they are shown, and a player ends early.
 */

import type { Packet } from 'node-av/lib'

export interface DelayedEnd extends Disposable {
  /** Takes the next packet in decoding order, in the time base of the file. */
  write(packet: Packet): void
  /** Extends the last packet at least to a moment, because the video continues with a later frame. */
  holdUntil(tick: bigint): void
  /** Writes the last packet. */
  finish(): void
}

/** Delays packets by one, so that the last one is known before it is written. The caller disposes of it. */
export function createDelayedEnd(put: (packet: Packet) => void): DelayedEnd {
  let held: Packet | undefined
  let firstDts = 0n
  /** When the first frame starts and the last one ends. */
  let shown: { start: bigint; end: bigint } | undefined

  function release(): void {
    if (held === undefined) return
    using packet = held
    held = undefined
    put(packet)
  }

  return {
    write(packet) {
      release()
      const { pts, dts, duration } = packet
      if (shown === undefined) firstDts = dts
      const { start, end } = shown ?? { start: pts, end: pts }
      shown = { start: min(start, pts), end: max(end, pts + duration) }
      held = packet.clone() ?? undefined
    },
    holdUntil(tick) {
      if (shown !== undefined) shown = { ...shown, end: max(shown.end, tick) }
    },
    finish() {
      if (held !== undefined && shown !== undefined) {
        const { start, end } = shown
        // The last frame keeps the delay between decoding and presentation that the first one has. Its
        // duration then reaches exactly to the end.
        held.dts = max(held.dts, held.pts - (start - firstDts))
        held.duration = max(1n, firstDts + (end - start) - held.dts)
      }
      release()
    },
    [Symbol.dispose]() {
      held?.free()
    },
  }
}

const min = (a: bigint, b: bigint) => (a < b ? a : b)
const max = (a: bigint, b: bigint) => (a > b ? a : b)
