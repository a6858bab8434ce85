import type { Frame } from 'node-av/lib'
import type { Encoder } from '../libav/encoder.ts'
import type { MuxedStream } from './muxer.ts'

/** A video or audio track of a clip, from the decoder to the file. */
export interface Track extends Disposable {
  readonly encoder: Encoder
  /** The number of encoded frames. */
  readonly count: number
  /** Sets where the packets go, before the first one is made. */
  begin(muxed: MuxedStream): void
  /** Takes the frame at a second of the video. Returns false once no more frames are wanted. */
  add(frame: Frame, seconds: number): boolean
  /** Writes what the filters and the encoder still hold. */
  end(): void
}
