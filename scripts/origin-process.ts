import { join } from 'node:path'
import { compileCacheEnvironment } from '@media-proxy/origin/engine/compile-cache.ts'

/** The repository's folder. */
export const ROOT = join(import.meta.dirname, '..')

/**
 * V8's flags for the origin. A small young generation is collected often, and with it the buffers of
 * finished streams, which the service itself asks for while it streams (`--expose-gc`). The old generation may grow by
 * half before it is collected: by itself V8 lets a small heap grow fourfold, which holds 60 MiB more under a mixed load.
 */
export const ORIGIN_FLAGS = ['--max-semi-space-size=2', '--heap-growing-percent=50', '--expose-gc']

/** Arguments of Node that start the origin. */
export const ORIGIN_ARGUMENTS = [...ORIGIN_FLAGS, join(ROOT, 'origin/src/main.ts')]

/** Threads of libuv's pool, twice Node's four: they read files, look names up and hash. Pictures have processes. */
export const POOL_THREADS = 8

/** What must stand in the environment before Node starts: it is read once, at the start. */
export function nativeEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...compileCacheEnvironment(),
    UV_THREADPOOL_SIZE: String(POOL_THREADS),
    // Fewer arenas: glibc otherwise keeps what each thread once freed.
    MALLOC_ARENA_MAX: '2',
    // Pictures go back to the system as soon as they are done; by itself glibc comes to keep them among small things.
    MALLOC_MMAP_THRESHOLD_: '1048576',
    MALLOC_TRIM_THRESHOLD_: '16777216',
    ...environment,
  }
}

/**
 * Goes on as another run of Node in the place of this process: one that only waited for it would hold 40 MiB, and stand
 * between it and its signals. Returns where the system (Windows), or Node before 22.15, cannot do that.
 */
export function becomeNode(words: readonly string[], environment: NodeJS.ProcessEnv): void {
  if (process.platform !== 'win32')
    process.execve?.(process.execPath, [process.execPath, ...words], environment)
}
