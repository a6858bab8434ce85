/** The configuration of an engine process, passed to it as a command-line argument. */

import type { FfmpegBinary } from './ffmpeg-binary.ts'
import type { ModelOptions } from './scan-model.ts'

export type EngineSetup = MediaSetup | ScanSetup

export interface MediaSetup {
  readonly role: 'media'
  /** Whether libav decodes videos, and whether it is loaded at start or with the first video. */
  readonly libav: 'off' | 'when needed' | 'at once'
  /** The binary that decodes videos when libav does not. */
  readonly ffmpeg?: FfmpegBinary
  /** The largest video that is written to a temporary file for the binary, in bytes. */
  readonly temporaryFileBytes: number
  /** The address space of one FFmpeg child process, in bytes. */
  readonly decoderMemoryBytes: number
  /** A file whose presence makes every job crash. Used by tests of crashes. */
  readonly crashOn?: string
}

export interface ScanSetup extends ModelOptions {
  readonly role: 'scan'
}

export function encodeSetup(setup: EngineSetup): string {
  return JSON.stringify(setup)
}

/** Decodes the argument that the server encoded. */
export function decodeSetup(word: string | undefined): EngineSetup {
  if (word === undefined) throw new Error('an engine process is started by its server only')
  const setup: EngineSetup = JSON.parse(word)
  return setup
}
