/** One decoder of libav: coded frames in, pictures out, bounded in size and in threads. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { Codec, CodecParameters, Frame, IRational, Packet } from 'node-av/lib'
import type { Libav } from './load.ts'

export interface DecoderOptions {
  readonly codec: Codec
  /** Parameter sets beside the stream (`avcC`, `hvcC`), as the container holds them. */
  readonly description?: Uint8Array | undefined
  /** What libav's own demuxer knows of the stream, instead of a description. */
  readonly parameters?: CodecParameters
  /** What the times of the packets count; microseconds where nothing is said. */
  readonly timeBase?: IRational
  /** Largest picture that is decoded, in pixels: a bitstream may declare another size than its container. */
  readonly maxPixels: number
  /** For several pictures at a time, of a film that is read through; one where nothing is said. */
  readonly threads?: number
  /** So many threads work on one picture, which comes the sooner; one where nothing is said. */
  readonly sliceThreads?: number
}

export interface Decoder extends Disposable {
  /**
   * Decodes a coded frame and hands over every picture that comes out, in the order of showing. A picture is the
   * decoder's again when the callback returns. False for a frame that does not decode; the next one may.
   */
  decode(packet: Packet, onPicture: (picture: Frame) => void): boolean
  /** Hands over what is left when no more frames follow. */
  drain(onPicture: (picture: Frame) => void): void
  /** Forgets everything, as before a frame that is not the next one. */
  restart(): void
}

/** Opens a decoder; the caller disposes of it. Fails with `undecodable`. */
export function openDecoder(
  { library, constants }: Libav,
  { codec, description, parameters, timeBase, maxPixels, threads = 1, sliceThreads = 1 }: DecoderOptions,
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
  // Not as a dictionary for the call below: node-av frees that one twice, and the process dies of it.
  context.setOption('max_pixels', Math.floor(maxPixels))
  const opened = context.open2Sync(codec)
  if (opened < 0) {
    dispose()
    return fail('undecodable', `no decoder: ${codec.name} ${opened}`)
  }
  const picture = new library.Frame()
  picture.alloc()

  function receive(onPicture: (picture: Frame) => void): number {
    for (;;) {
      const received = context.receiveFrameSync(picture)
      if (received < 0) return received
      try {
        onPicture(picture)
      } finally {
        picture.unref()
      }
    }
  }

  return {
    decode(packet, onPicture) {
      const sent = context.sendPacketSync(packet)
      const received = receive(onPicture)
      return sent >= 0 && received === constants.AVERROR_EAGAIN
    },
    drain(onPicture) {
      context.sendPacketSync(null)
      receive(onPicture)
    },
    restart() {
      context.flushBuffers()
    },
    [Symbol.dispose]() {
      picture.free()
      dispose()
    },
  }
}

/** Packets that are made here count microseconds. */
export const MICROSECONDS = 1_000_000
