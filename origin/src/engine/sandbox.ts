/**
 * What an engine process is started with: as little as will do. No environment but fixed words, no descriptors but its
 * socket, limits that the kernel keeps, lower priority, and no network where the system lets it.
 */

import { spawnSync } from 'node:child_process'
import { FONT_CONFIGURATION } from '../paths/paths.ts'

export interface SandboxOptions {
  /** Memory that a job may take beside what an idle process has, in bytes. */
  readonly jobMemoryBytes: number
  /** Largest file that the process may write; 0 for none. */
  readonly fileBytes: number
  /** Steps of niceness beyond the server's own. */
  readonly niceness: number
  readonly isolation: Isolation
}

/** The command that starts a program without a network, and what it is called in the log; empty where there is none. */
export interface Isolation {
  readonly network: 'none' | 'shared'
  readonly command: readonly string[]
}

/**
 * Data that an idle process has mapped, most of it never touched: V8 reserves its ranges ahead. Measured with Node
 * 24.21, Sharp 0.35.5 and libav loaded: 636 MiB, of which 92 are resident.
 */
const IDLE_DATA_BYTES = 660 * 1024 * 1024

/** The words of the process's environment: none of them is the server's. */
export const ENGINE_ENVIRONMENT: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  // Of a drawing in several languages librsvg shows this one.
  LANGUAGE: 'en',
  FONTCONFIG_FILE: FONT_CONFIGURATION,
  // Sharp's work; one job runs at a time, and each of its stages on one thread.
  UV_THREADPOOL_SIZE: '2',
  // glibc keeps what each thread once freed, by arena: a process that has worked then holds 25 MiB more than one that
  // has not. With one arena, and pixels that go back to the system at once, it is 10, at the same speed.
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '262144',
  MALLOC_TRIM_THRESHOLD_: '2097152',
  // SVT-AV1 tells of each encoder on standard error.
  SVT_LOG: '1',
  // onnxruntime 1.30 reports to its maker unless it is told not to.
  ORT_DISABLE_TELEMETRY: '1',
}

/** The whole command: a shell that sets the limits and turns into the program. */
export function sandboxed(program: readonly string[], options: SandboxOptions): readonly string[] {
  if (process.platform === 'win32') return program
  const limits = [
    `-d ${Math.ceil((IDLE_DATA_BYTES + options.jobMemoryBytes) / 1024)}`,
    // In blocks of 512 bytes.
    `-f ${Math.ceil(options.fileBytes / 512)}`,
    '-c 0',
  ].map((limit) => `ulimit ${limit}`)
  // A limit that a system does not know is passed over.
  // Where the kernel groups processes by session (sched(7), autogroup), the niceness of the group is what counts.
  const group = `echo ${options.niceness} > /proc/self/autogroup`
  const script = `{ ${[group, ...limits].join('; ')}; } 2>/dev/null; exec "$@"`
  const nice = ['nice', '-n', String(options.niceness)]
  return ['/bin/sh', '-c', script, 'sh', ...nice, ...options.isolation.command, ...program]
}

/** A program that only ends, run in each of the ways: the first that works is taken. */
const CANDIDATES: readonly (readonly string[])[] = [
  ['unshare', '--net'],
  // Where unprivileged user namespaces are allowed.
  ['unshare', '--user', '--net'],
]

/** Finds out how this system lets a process be cut off from the network. Takes some milliseconds, once. */
export function findIsolation(): Isolation {
  if (process.platform !== 'linux') return { network: 'shared', command: [] }
  const command = CANDIDATES.find(
    ([program = '', ...words]) => spawnSync(program, [...words, 'true'], { stdio: 'ignore' }).status === 0,
  )
  return command === undefined ? { network: 'shared', command: [] } : { network: 'none', command }
}
