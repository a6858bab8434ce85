/** What a container holds, and the coded frames around a moment, whoever reads it. */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { Colours } from '../colours/colours.ts'
import type { AudioCodec, VideoCodec } from './codecs.ts'

/** What a file holds. */
export interface ContainerInfo {
  readonly durationSeconds: number | undefined
  readonly video: VideoInfo | undefined
  /** Further tracks of pictures of an accepted codec, of which a player may choose one: no covers. In the order of the file. */
  readonly others: readonly VideoInfo[]
  /** One entry a stream; undefined for a codec that is not accepted. */
  readonly audio: readonly (AudioCodec | undefined)[]
}

export interface VideoInfo {
  /** Undefined for a codec that is not accepted. */
  readonly codec: VideoCodec | 'hidden' | undefined
  /** As the file or its demuxer calls it, for whoever is refused because of it. */
  readonly codecName?: string | undefined
  /** Pixels as they are shown: pixel aspect and rotation applied. */
  readonly width: number
  readonly height: number
  readonly codedWidth: number
  readonly codedHeight: number
  /** Clockwise degrees by which a decoded frame has to be turned, before it is mirrored. */
  readonly rotation: 0 | 90 | 180 | 270
  readonly mirrored: boolean
  readonly hasAlpha: boolean
  readonly colours: Colours
}

/** Coded frames from a key frame up to the wanted one, in the order of decoding. */
export interface PacketRun {
  readonly packets: readonly CodedFrame[]
  /** When the wanted one is shown. */
  readonly timestampSeconds: number
  /** Parameter sets beside the stream (`avcC`, `hvcC`). */
  readonly description: Uint8Array | undefined
}

export interface CodedFrame {
  readonly data: Uint8Array
  readonly alpha: Uint8Array | undefined
  /** When it is shown. */
  readonly timestampSeconds: number
}

/** An opened container. */
export interface Container {
  readonly info: ContainerInfo
  /** The place of its track among the tracks of pictures that the file has. */
  readonly place: number
  /** The run of the frame that is shown at a moment; of the first key frame without one. */
  readRun(atSeconds: number | undefined): Promise<PacketRun | Failure>
  close(): void
}
