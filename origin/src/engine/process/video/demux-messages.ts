/** What the main thread and a demuxing thread say to each other. One file at a time. */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { MediaFormat } from '../../../media/kinds.ts'
import type { ContainerFacts, PacketRun } from './container.ts'

export type ToThread =
  | { readonly type: 'open'; readonly format: MediaFormat; readonly sizeBytes: number }
  /** The answer to `read`. */
  | { readonly type: 'part'; readonly id: number; readonly part: Uint8Array | Failure }
  | { readonly type: 'run'; readonly atSeconds: number | undefined }
  | { readonly type: 'close' }

export type FromThread =
  /** The first of all: from here on its time is counted. */
  | { readonly type: 'ready' }
  | { readonly type: 'read'; readonly id: number; readonly start: number; readonly end: number }
  | { readonly type: 'opened'; readonly result: ContainerFacts | Failure }
  | { readonly type: 'run'; readonly result: PacketRun | Failure }
