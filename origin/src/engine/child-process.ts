/** What the server does with a child process of its own: its socket, its words, its processor time, its end. */

import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Longest text of standard error that is kept: the first lines tell. */
const MAX_STDERR_BYTES = 2048

/** Ends a process, and all that it started itself. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    // Windows has no groups.
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch (error) {
    // There is nobody left in it; of a group that has ended and is not waited for yet, macOS says the latter.
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}

/** What stands behind the three standard streams; one that leads nowhere where the child could not be started. */
export function socketOf(child: ChildProcess): Socket {
  // Without a free descriptor there are no streams at all, whatever the types say.
  const socket = child.stdio?.[3]
  return socket instanceof Socket ? socket : new Socket()
}

/** What a process writes to standard error, up to a length. */
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

/** Ticks of the clock that the kernel counts processor time in: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** User and system time of a process, from the fourteenth and fifteenth field of proc_pid_stat(5). */
export function processorSeconds(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    // Another system than Linux, or a process that has just ended.
    return undefined
  }
}
