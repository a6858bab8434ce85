/** A libav decoder: takes packets and yields frames, with limits on their size and on threads. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { Codec, CodecParameters, Frame, IRational, Packet } from 'node-av/lib'
import type { Libav } from './load.ts'

export interface DecoderOptions {
  readonly codec: Codec
  /** Parameter sets stored outside the stream (`avcC`, `hvcC`), as the container holds them. */
  readonly description?: Uint8Array | undefined
  /** What libav's demuxer knows of the stream, instead of a description. */
  readonly parameters?: CodecParameters
  /** The time base of the packets; microseconds by default. */
  readonly timeBase?: IRational
  /**
   * The largest frame that is decoded, in pixels. A bitstream may declare another size than its container.
   */
  readonly maxPixels: number
  /** The number of frames decoded in parallel, for videos that are read through; 1 by default. */
  readonly threads?: number
  /** The number of threads that work on one frame, to finish it sooner; 1 by default. */
  readonly sliceThreads?: number
  /** Whether damaged data is rejected. Otherwise the decoder conceals what is missing. */
  readonly rejectsDamage?: boolean
}

export interface Decoder extends Disposable {
  /**
   * Decodes a packet and passes every resulting frame to the callback, in presentation order. The decoder
   * owns the frame again when the callback returns. Returns false for a packet that cannot be decoded; the
   * next one may succeed.
   */
  decode(packet: Packet, onFrame: (frame: Frame) => void): boolean
  /** Passes the remaining frames to the callback. Called when no more packets follow. */
  drain(onFrame: (frame: Frame) => void): void
  /** Flushes all state, before a packet that does not follow the previous one. */
  restart(): void
}

/** Opens a decoder. The caller disposes of it. Fails with `undecodable`. */
export function openDecoder(
  { library, constants }: Libav,
  {
    codec,
    description,
    parameters,
    timeBase,
    maxPixels,
    threads = 1,
    sliceThreads = 1,
    rejectsDamage = false,
  }: DecoderOptions,
): Decoder | Failure {
  const context = new library.CodecContext()
  const dispose = () => context.freeContext()
  context.allocContext3(codec)
  if (parameters !== undefined && context.parametersToContext(parameters) < 0) {
    dispose()
    return fail('undecodable', 'stream parameters')
  }
  if (description !== undefined) context.extraData = Buffer.from(description)
  context.threadCount = Math.max(threads, sliceThreads)
  if (sliceThreads > 1) context.threadType = constants.FF_THREAD_SLICE
  context.pktTimebase = new library.Rational(timeBase?.num ?? 1, timeBase?.den ?? MICROSECONDS)
  // Set as an option, not in the dictionary of the call below: node-av frees that one twice, which crashes
  // the process.
  context.setOption('max_pixels', Math.floor(maxPixels))
  if (rejectsDamage) {
    context.setOption('err_detect', 'crccheck+bitstream+buffer+explode')
    context.setOption('discard_damaged_percentage', 0)
  }
  const opened = context.open2Sync(codec)
  if (opened < 0) {
    dispose()
    return fail('undecodable', `no decoder: ${codec.name} ${opened}`)
  }
  const frame = new library.Frame()
  frame.alloc()

  function receive(onFrame: (frame: Frame) => void): number {
    for (;;) {
      const received = context.receiveFrameSync(frame)
      if (received < 0) return received
      try {
        onFrame(frame)
      } finally {
        frame.unref()
      }
    }
  }

  return {
    decode(packet, onFrame) {
      const sent = context.sendPacketSync(packet)
      const received = receive(onFrame)
      return sent >= 0 && received === constants.AVERROR_EAGAIN
    },
    drain(onFrame) {
      context.sendPacketSync(null)
      receive(onFrame)
    },
    restart() {
      context.flushBuffers()
    },
    [Symbol.dispose]() {
      frame.free()
      dispose()
    },
  }
}

/** The ticks per second of packets that are created here. */
export const MICROSECONDS = 1_000_000
