/** What an engine process is told when it is started, as a word of its command line. */

import type { FfmpegBinary } from './ffmpeg-binary.ts'
import type { ModelOptions } from './scan-model.ts'

export type EngineSetup = MediaSetup | ScanSetup

export interface MediaSetup {
  readonly role: 'media'
  /** Whether videos are decoded by libav, and whether it is loaded at once or with the first of them. */
  readonly libav: 'off' | 'when needed' | 'at once'
  /** The binary that decodes them where libav does not. */
  readonly ffmpeg?: FfmpegBinary
  /** Largest video that is put into a file for it. */
  readonly temporaryFileBytes: number
  /** Address space of one FFmpeg child, in bytes. */
  readonly decoderMemoryBytes: number
  /** A file whose presence makes every job crash: for tests of what a crash does. */
  readonly crashOn?: string
}

export interface ScanSetup extends ModelOptions {
  readonly role: 'scan'
}

export function encodeSetup(setup: EngineSetup): string {
  return JSON.stringify(setup)
}

/** Reads what the server wrote. */
export function decodeSetup(word: string | undefined): EngineSetup {
  if (word === undefined) throw new Error('an engine process is started by its server only')
  const setup: EngineSetup = JSON.parse(word)
  return setup
}
