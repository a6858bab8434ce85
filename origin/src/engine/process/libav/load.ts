/**
 * FFmpeg's libraries inside the process (node-av). They are one optional package with a build for each common
 * platform; what is loaded is the thin layer of classes over the C functions, and nothing above it.
 */

import { createIoPool, type IoPool } from './io-pool.ts'

export interface Libav {
  readonly library: typeof import('node-av/lib')
  readonly constants: typeof import('node-av/constants')
  readonly pool: IoPool
  /** Of FFmpeg's codec library, which decides what its pictures are. */
  readonly version: string
}

/**
 * Loads the libraries and silences their log, which would be written to standard error and is about somebody's
 * file. Undefined where the package or its build for this platform is not installed or does not load.
 *
 * Measured on Linux x64: 40 to 70 ms and 32 MB of resident memory.
 */
export async function loadLibav(): Promise<Libav | undefined> {
  try {
    const [library, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')])
    library.Log.setLevel(constants.AV_LOG_QUIET)
    const { version } = library.getFFmpegInfo()
    return { library, constants, version, pool: createIoPool(library, constants) }
  } catch {
    // Whatever the reason is, there are no libraries to work with, and that is what the caller is told.
    return undefined
  }
}
