import { join } from 'node:path'
import { compileCacheEnvironment } from '@media-proxy/origin/engine/compile-cache.ts'

/** The folder of the repository. */
export const ROOT = join(import.meta.dirname, '..')

/**
 * The V8 flags of the origin. A small young generation is collected often, and with it the buffers of
 * finished streams. The service itself triggers such collections while it streams (`--expose-gc`). The old
 * generation may grow by half before it is collected: by default V8 lets a small heap grow fourfold, which
 * holds 60 MiB more under a mixed load.
 */
export const ORIGIN_FLAGS = ['--max-semi-space-size=2', '--heap-growing-percent=50', '--expose-gc']

/** The arguments of Node that start the origin. */
export const ORIGIN_ARGUMENTS = [...ORIGIN_FLAGS, join(ROOT, 'origin/src/main.ts')]

/**
 * The number of threads in libuv's pool, twice the default of four. They read files, resolve names and
 * compute hashes. Images are rendered in separate processes.
 */
export const POOL_THREADS = 8

/**
 * Returns the environment variables that have to be set before
 * Node starts, because they are read once at the start.
 */
export function nativeEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...compileCacheEnvironment(),
    UV_THREADPOOL_SIZE: String(POOL_THREADS),
    // Fewer arenas: glibc otherwise keeps memory that each thread has freed.
    MALLOC_ARENA_MAX: '2',
    // Makes glibc return the memory of images to the system as soon as they are freed. By default it adapts
    // and starts to keep them among small allocations.
    MALLOC_MMAP_THRESHOLD_: '1048576',
    MALLOC_TRIM_THRESHOLD_: '16777216',
    ...environment,
  }
}

/**
 * Replaces this process with another run of Node. A parent that only waits would hold 40 MiB and have to
 * forward signals. Returns when the system (Windows), or Node before 22.15, does not support it.
 */
export function becomeNode(args: readonly string[], environment: NodeJS.ProcessEnv): void {
  if (process.platform !== 'win32')
    process.execve?.(process.execPath, [process.execPath, ...args], environment)
}
