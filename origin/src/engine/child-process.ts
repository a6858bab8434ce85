/**
 * Helpers for a child process of the server: its socket, its standard error, its CPU time and its
 * termination.
 */

import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** The largest part of standard error that is kept, in bytes. The first lines carry the cause. */
const MAX_STDERR_BYTES = 2048

/** Kills a process together with the processes that it started. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    // Windows has no process groups.
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: the group is empty. macOS reports EPERM for a group that has ended and has not been reaped yet.
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}

/**
 * Returns the socket that follows the three standard streams. Returns an unconnected socket when the child
 * could not be started.
 */
export function socketOf(child: ChildProcess): Socket {
  // Without a free file descriptor there are no streams at all, whatever the types declare.
  const socket = child.stdio?.[3]
  return socket instanceof Socket ? socket : new Socket()
}

/** Collects what a process writes to standard error, up to `MAX_STDERR_BYTES`. */
export function collect(stream: Readable | null | undefined): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const chunks: Buffer[] = []
  let length = 0
  stream?.on('data', (chunk: Buffer) => {
    if (length < MAX_STDERR_BYTES) chunks.push(chunk)
    length += chunk.length
  })
  const end = () => resolve(Buffer.concat(chunks).toString('utf8', 0, MAX_STDERR_BYTES))
  stream?.once('close', end)
  stream?.once('error', end)
  if (stream === null || stream === undefined) end()
  if (stream instanceof Socket) stream.unref()
  return promise
}

/** The clock ticks per second in which the kernel counts CPU time: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/**
 * Returns the user and system time of a process in seconds, from fields 14 and 15 of proc_pid_stat(5).
 * Undefined when the process has ended, or on another system than Linux.
 */
export function processorSeconds(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    // Not Linux, or the process has just ended.
    return undefined
  }
}
