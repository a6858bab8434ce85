/**
 * The restrictions under which an engine process is started: fixed environment variables only, no file
 * descriptors except its socket, limits that the kernel enforces, a lower priority, and no network where the
 * system allows that.
 */

import { spawnSync } from 'node:child_process'
import { FONT_CONFIGURATION } from '../paths/paths.ts'

export interface SandboxOptions {
  /** The memory of a job above that of an idle process, in bytes. */
  readonly jobMemoryBytes: number
  /** The largest file that the process may write, in bytes; 0 for none. */
  readonly fileBytes: number
  /** The nice value relative to the server's. */
  readonly niceness: number
  readonly isolation: Isolation
}

/**
 * The command that starts a program without network access, and the name of the isolation for the log. The
 * command is empty when there is none.
 */
export interface Isolation {
  readonly network: 'none' | 'shared'
  readonly command: readonly string[]
}

/**
 * The data that an idle process has mapped, in bytes. Most of it is never touched, because V8 reserves
 * address ranges in advance. Measured with Node 24.21, Sharp 0.35.5 and libav loaded: 636 MiB, of which 92
 * MiB are resident.
 */
const IDLE_DATA_BYTES = 660 * 1024 * 1024

/** The environment of the process. None of the server's variables is passed on. */
export const ENGINE_ENVIRONMENT: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  // The language that librsvg selects in a drawing with several languages.
  LANGUAGE: 'en',
  FONTCONFIG_FILE: FONT_CONFIGURATION,
  // The threads of Sharp's work. One job runs at a time, and each of its stages on one thread.
  UV_THREADPOOL_SIZE: '2',
  // glibc keeps the memory that each thread freed, in arenas. A process that has worked then holds 25 MiB
  // more than a new one. With one arena, and pixel buffers that are returned to the system at once, it holds
  // 10 MiB more, at the same speed.
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '262144',
  MALLOC_TRIM_THRESHOLD_: '2097152',
  // libvips would write decoded images of more than 100 MB to a file, which the process may not do. Their
  // memory is part of the predicted cost.
  VIPS_DISC_THRESHOLD: '64g',
  // SVT-AV1 logs each encoder to standard error.
  SVT_LOG: '1',
  // onnxruntime 1.30 sends telemetry to its vendor unless this is set.
  ORT_DISABLE_TELEMETRY: '1',
}

/** Builds the whole command: a shell that sets the limits and then replaces itself with the program. */
export function sandboxed(program: readonly string[], options: SandboxOptions): readonly string[] {
  if (process.platform === 'win32') return program
  const limits = [
    `-d ${Math.ceil((IDLE_DATA_BYTES + options.jobMemoryBytes) / 1024)}`,
    // In blocks of 512 bytes.
    `-f ${Math.ceil(options.fileBytes / 512)}`,
    '-c 0',
  ].map((limit) => `ulimit ${limit}`)
  // A limit that the system does not know is skipped. Where the kernel groups processes by session (sched(7),
  // autogroup), only the niceness of the group counts.
  const group = `echo ${options.niceness} > /proc/self/autogroup`
  const script = `{ ${[group, ...limits].join('; ')}; } 2>/dev/null; exec "$@"`
  const nice = ['nice', '-n', String(options.niceness)]
  return ['/bin/sh', '-c', script, 'sh', ...nice, ...options.isolation.command, ...program]
}

/** The commands to try with a program that exits at once. The first that works is used. */
const CANDIDATES: readonly (readonly string[])[] = [
  ['unshare', '--net'],
  // Where unprivileged user namespaces are allowed.
  ['unshare', '--user', '--net'],
]

/**
 * Determines how this system can start a process without network access. Takes some milliseconds, and runs
 * once.
 */
export function findIsolation(): Isolation {
  if (process.platform !== 'linux') return { network: 'shared', command: [] }
  const command = CANDIDATES.find(
    ([program = '', ...args]) => spawnSync(program, [...args, 'true'], { stdio: 'ignore' }).status === 0,
  )
  return command === undefined ? { network: 'shared', command: [] } : { network: 'none', command }
}
