/** A libav encoder: takes frames of video or audio and yields packets. */

import type { FFEncoderCodec } from 'node-av/constants'
import type { Codec, CodecContext, Frame, Packet } from 'node-av/lib'
import { LibavRejection } from './libav-rejection.ts'
import type { Libav } from './load.ts'

export interface Encoder extends Disposable {
  readonly context: CodecContext
  /**
   * Encodes a frame and passes packets to `onPacket`; the encoder owns them again when it returns. Throws
   * `LibavRejection` when the encoder rejects the frame.
   */
  encode(frame: Frame, onPacket: (packet: Packet) => void): void
  /** Passes the remaining packets to `onPacket`. Called when no more frames follow. */
  drain(onPacket: (packet: Packet) => void): void
}

/**
 * Opens an encoder that `setUp` has configured. The caller disposes of it. Throws `LibavRejection` when it
 * cannot be opened with this configuration, and an error when the build has no such encoder.
 */
export function openEncoder(
  { library, constants }: Libav,
  name: string,
  setUp: (context: CodecContext) => void,
): Encoder {
  const codec = encoderNamed(library, name)
  using stack = new DisposableStack()
  const context = new library.CodecContext()
  stack.defer(() => context.freeContext())
  context.allocContext3(codec)
  setUp(context)
  // Containers store parameter sets outside the stream.
  context.setFlags(constants.AV_CODEC_FLAG_GLOBAL_HEADER)
  const opened = context.open2Sync(codec)
  if (opened < 0) throw new LibavRejection(`the encoder ${name} does not open: ${opened}`)
  const packet = new library.Packet()
  stack.defer(() => packet.free())
  packet.alloc()
  const open = stack.move()

  function send(frame: Frame | null, onPacket: (packet: Packet) => void): void {
    const sent = context.sendFrameSync(frame)
    if (sent < 0 && frame !== null) throw new LibavRejection(`the encoder ${name} rejects a frame: ${sent}`)
    while (context.receivePacketSync(packet) >= 0) {
      try {
        onPacket(packet)
      } finally {
        packet.unref()
      }
    }
  }

  return {
    context,
    encode: (frame, onPacket) => send(frame, onPacket),
    drain: (onPacket) => send(null, onPacket),
    [Symbol.dispose]: () => open.dispose(),
  }
}

/** Whether this build of libav has an encoder. */
export function hasEncoder({ library }: Libav, name: string): boolean {
  return findEncoder(library, name) !== null
}

function encoderNamed(library: Libav['library'], name: string): Codec {
  const codec = findEncoder(library, name)
  if (codec === null) throw new Error(`libav has no encoder ${name}`)
  return codec
}

function findEncoder({ Codec }: Libav['library'], name: string): Codec | null {
  return Codec.findEncoderByName(name as FFEncoderCodec)
}
