/** The contents of a container and the packets around a moment, independent of the demuxer. */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { Colours } from '../colours/colours.ts'
import type { AudioCodec, VideoCodec } from './codecs.ts'

/** The contents of a file. */
export interface ContainerInfo {
  readonly durationSeconds: number | undefined
  readonly video: VideoInfo | undefined
  /** Further video tracks of an accepted codec that a player may choose, without covers, in file order. */
  readonly others: readonly VideoInfo[]
  /** The codec of each audio stream; undefined for one that is not accepted. */
  readonly audio: readonly (AudioCodec | undefined)[]
}

export interface VideoInfo {
  /** Undefined for a codec that is not accepted. */
  readonly codec: VideoCodec | 'hidden' | undefined
  /** The name that the file or its demuxer gives, for the error message of a rejection. */
  readonly codecName?: string | undefined
  /** The size in pixels as shown, with pixel aspect ratio and rotation applied. */
  readonly width: number
  readonly height: number
  readonly codedWidth: number
  readonly codedHeight: number
  /** The clockwise degrees by which a decoded frame has to be rotated, before it is mirrored. */
  readonly rotation: 0 | 90 | 180 | 270
  readonly mirrored: boolean
  readonly hasAlpha: boolean
  readonly colours: Colours
}

/** The packets from a key frame up to the wanted frame, in decoding order. */
export interface PacketRun {
  readonly packets: readonly CodedFrame[]
  /** The timestamp of the wanted frame. */
  readonly timestampSeconds: number
  /** Parameter sets stored outside the stream (`avcC`, `hvcC`). */
  readonly description: Uint8Array | undefined
}

export interface CodedFrame {
  readonly data: Uint8Array
  readonly alpha: Uint8Array | undefined
  /** The presentation timestamp. */
  readonly timestampSeconds: number
}

/** An opened container. */
export interface Container {
  readonly info: ContainerInfo
  /** The position of the opened track among the video tracks of the file. */
  readonly trackIndex: number
  /** Returns the packets for the frame shown at a moment, or for the first key frame without a moment. */
  readRun(atSeconds: number | undefined): Promise<PacketRun | Failure>
  close(): void
}
