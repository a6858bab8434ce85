/** Writes packets of video and audio to a file in memory. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { CodecContext, IRational, Packet, Stream } from 'node-av/lib'
import { LibavRejection } from '../libav/libav-rejection.ts'
import type { Libav } from '../libav/load.ts'
import { createDelayedEnd, type DelayedEnd } from './delayed-end.ts'
import { indexFirst } from './fast-start.ts'
import { openMemoryFile } from './memory-file.ts'

export interface MuxedStream {
  /**
   * Writes a packet whose timestamps are in `timeBase`. Throws `LibavRejection` when the muxer rejects it.
   */
  write(packet: Packet, timeBase: IRational): void
  /** Extends the last frame of an MP4 at least to a moment, in `timeBase`. */
  holdUntil(tick: bigint, timeBase: IRational): void
}

export interface Muxer extends Disposable {
  /** Adds a stream for the output of an encoder. */
  addEncoded(encoder: CodecContext, options?: EncodedOptions): MuxedStream
  /** Adds a stream that is copied from another file. */
  addCopied(stream: Stream): MuxedStream
  /** Writes the header, once all streams are added. */
  begin(): void
  readonly sizeBytes: number
  /** Returns the complete file. */
  finish(): Buffer
}

export interface MuxerOptions {
  /** How often an animation plays; 0 means forever. */
  readonly loop?: number
}

export interface EncodedOptions {
  /** Whether alpha is stored alongside the frames. */
  readonly hasAlpha?: boolean
  /** Whether the frames are the alpha of another stream. */
  readonly isMask?: boolean
}

/** Opens a muxer. The caller disposes of it. */
export function openMuxer(libav: Libav, format: ClipFormat | 'avif', { loop }: MuxerOptions = {}): Muxer {
  const { library, constants } = libav
  using stack = new DisposableStack()
  const file = stack.use(openMemoryFile(libav))
  const context = new library.FormatContext()
  stack.defer(() => {
    // node-av would free the file's context a second time.
    context.pb = null
    context.freeContext()
  })
  check(context.allocOutputContext2(null, format, null), 'muxer')
  context.pb = file.io
  // Without this flag the file contains random numbers, but a strong ETag needs the same bytes each time.
  context.flags = (context.flags | constants.AVFMT_FLAG_BITEXACT) as typeof context.flags
  if (loop !== undefined)
    check(
      context.setOption('loop', loop, constants.AV_OPT_TYPE_INT, constants.AV_OPT_SEARCH_CHILDREN),
      'loop',
    )

  const open = stack.move()
  const put = (packet: Packet) => check(context.interleavedWriteFrameSync(packet), 'packet')
  const ends: DelayedEnd[] = []

  function muxed(stream: Stream): MuxedStream {
    const isVideo = stream.codecpar.codecType === constants.AVMEDIA_TYPE_VIDEO
    const end = format === 'mp4' && isVideo ? createDelayedEnd(put) : undefined
    if (end !== undefined) ends.push(end)
    return {
      write(packet, timeBase) {
        packet.streamIndex = stream.index
        // The muxer chooses its own time base when it writes the header.
        packet.rescaleTs(timeBase, stream.timeBase)
        packet.pos = -1n
        if (end === undefined) put(packet)
        else end.write(packet)
      },
      holdUntil(tick, { num, den }) {
        const { timeBase } = stream
        end?.holdUntil(BigInt(Math.round((Number(tick) * num * timeBase.den) / (den * timeBase.num))))
      },
    }
  }

  return {
    addEncoded(encoder, { hasAlpha, isMask } = {}) {
      const stream = context.newStream(null)
      check(stream.codecpar.fromContext(encoder), 'parameters')
      stream.timeBase = encoder.timeBase
      stream.avgFrameRate = encoder.framerate
      // Readers see a single plane.
      if (isMask) stream.codecpar.format = constants.AV_PIX_FMT_GRAY8
      if (hasAlpha) stream.metadata = library.Dictionary.fromObject({ alpha_mode: '1' })
      return muxed(stream)
    },
    addCopied(source) {
      const stream = context.newStream(null)
      check(source.codecpar.copy(stream.codecpar), 'parameters')
      // The tag of the source belongs to another container.
      stream.codecpar.codecTag = 0
      stream.timeBase = source.timeBase
      stream.avgFrameRate = source.avgFrameRate
      // The aspect ratio of the container takes precedence over that of the coded frames.
      if (source.sampleAspectRatio.num > 0) {
        stream.sampleAspectRatio = source.sampleAspectRatio
        stream.codecpar.sampleAspectRatio = source.sampleAspectRatio
      }
      return muxed(stream)
    },
    begin() {
      check(context.writeHeaderSync(), 'head')
    },
    get sizeBytes() {
      return file.sizeBytes
    },
    finish() {
      for (const end of ends) end.finish()
      check(context.writeTrailerSync(), 'end')
      return format === 'mp4' ? indexFirst(file.bytes) : Buffer.from(file.bytes)
    },
    [Symbol.dispose]() {
      for (const end of ends) end[Symbol.dispose]()
      open.dispose()
    },
  }
}

/** Throws when libav returns an error: a file may have timestamps that no other file can hold. */
function check(code: number, what: string): void {
  if (code < 0) throw new LibavRejection(`the muxer rejects its ${what}: ${code}`)
}
