/**
 * The end of the pictures of an MP4. It tells how long a track is by when its pictures are decoded (ISO/IEC 14496-12, section
 * 8.6.1.2), the last one by its duration: where they are decoded out of order and shown for unequal times, that sum is another
 * one than the time for which they are shown, and a player ends early.
 */

import type { Packet } from 'node-av/lib'

export interface PictureEnd extends Disposable {
  /** Takes the next packet in the order of decoding, in the unit of the file. */
  write(packet: Packet): void
  /** Has the last picture shown up to a moment at least: the film goes on with a later one. */
  holdUntil(tick: bigint): void
  /** Hands over the last one. */
  finish(): void
}

/** Hands packets over one later, so that the last one is known before it is written. The caller disposes of it. */
export function createPictureEnd(put: (packet: Packet) => void): PictureEnd {
  let held: Packet | undefined
  let firstDts = 0n
  /** When the pictures begin and end. */
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
        // Decoded as late as the first one is before it is shown, it may last to the end and no longer.
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
