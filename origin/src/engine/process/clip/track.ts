import type { Frame } from 'node-av/lib'
import type { Encoder } from './encoder.ts'
import type { MuxedStream } from './muxer.ts'

/** Pictures or sound of a clip on their way from the decoder into the file. */
export interface Track extends Disposable {
  readonly encoder: Encoder
  /** Frames that were encoded. */
  readonly count: number
  /** Says where the packets go, before the first is made. */
  begin(muxed: MuxedStream): void
  /** Takes what is shown or heard at a second of the film; false once no more is wanted. */
  add(frame: Frame, seconds: number): boolean
  /** Hands over what filters and encoder still hold. */
  end(): void
}
