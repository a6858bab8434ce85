/** One engine process, as the server sees it: a job at a time over a socket, and an end that always comes. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import {
  type Cost,
  type Done,
  type Job,
  parseDone,
  parseInspection,
  parseRange,
  parseReady,
  type Ready,
} from './jobs.ts'
import { createFrameReader, encodeHead, FRAME, type Frame } from './protocol.ts'
import { ENGINE_ENVIRONMENT, type SandboxOptions, sandboxed } from './sandbox.ts'

export interface EngineProcessOptions {
  /** Arguments of Node: flags, the script and its words. */
  readonly words: readonly string[]
  readonly sandbox: SandboxOptions
  /** Words of the environment beside the fixed ones. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Why a process is no more. */
export interface ProcessEnd {
  /** Processor seconds since its last job ended; undefined where the system does not tell. */
  readonly cpuSeconds: number | undefined
  readonly cause: /** The server ended it, for the reason that it gave. */
    | { readonly kind: 'killed'; readonly reason: KillReason }
    /** Somebody else did: an operator, or the kernel for want of memory. */
    | { readonly kind: 'killed-from-outside' }
    /** A decoder crashed, ran out of memory, or said something that is no answer. */
    | { readonly kind: 'crashed'; readonly detail: string }
}

export type KillReason = 'cpu' | 'deadline' | 'abandoned' | 'closed' | 'renewed' | 'protocol'

/** Where the bytes of a job come from. */
export interface JobInput {
  /** Sent along with the job. */
  readonly body: Uint8Array
  /** Answers the process's questions for ranges; absent where all is sent along. */
  readonly read?: (start: number, end: number) => Promise<Uint8Array | Failure>
}

export interface JobOutput<Kind extends Job['kind']> extends Pick<Done<Kind>, 'result'> {
  readonly body: Uint8Array
  /** Processor seconds of this job alone. */
  readonly usedCpuSeconds: number
}

export interface EngineProcess {
  readonly pid: number
  /** What it is and can, once its code is loaded; undefined where it ended before. */
  readonly ready: Promise<Ready | undefined>
  readonly ended: Promise<ProcessEnd>
  readonly alive: boolean
  /** Jobs so far. */
  readonly jobs: number
  /** Bytes that its jobs were given and gave, so far. */
  readonly bytes: number
  /**
   * Runs a job; one at a time. Gives how the process ended where it ended before the job did. `onInspected` is
   * told the predicted cost of a job that will take longer than usual.
   */
  run<J extends Job>(
    job: J,
    input: JobInput,
    onInspected?: (cost: Cost) => void,
  ): Promise<JobOutput<J['kind']> | ProcessEnd>
  /** Processor seconds since the last job ended; undefined where the system does not tell. */
  cpuSeconds(): number | undefined
  kill(reason: KillReason): void
}

/** Longest text of standard error that is kept: the first lines tell. */
const MAX_STDERR_BYTES = 2048

export function startEngineProcess(options: EngineProcessOptions): EngineProcess {
  const [program = '', ...words] = sandboxed([process.execPath, ...options.words], options.sandbox)
  const child = spawn(program, words, {
    env: { ...ENGINE_ENVIRONMENT, ...options.environment },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A group of its own: what the process starts itself ends with it, and a terminal's Ctrl-C does not reach it.
    detached: true,
  })
  const socket = socketOf(child)
  const complaint = collect(child.stderr)
  const ready = Promise.withResolvers<Ready | undefined>()
  const ended = Promise.withResolvers<ProcessEnd>()
  let alive = true
  let killedFor: KillReason | undefined
  let broken: string | undefined
  let current: CurrentJob | undefined
  let jobs = 0
  let bytes = 0
  let usedCpuSeconds = 0
  let lastCpuSeconds: number | undefined

  const cpuSeconds = () => {
    const now = child.pid === undefined ? undefined : processorSeconds(child.pid)
    return now === undefined ? undefined : Math.max(0, now - usedCpuSeconds)
  }
  const kill = (reason: KillReason) => {
    if (!alive || child.pid === undefined) return
    killedFor ??= reason
    lastCpuSeconds ??= cpuSeconds()
    // Whoever ends it may wait for that.
    child.ref()
    killGroup(child.pid)
  }
  const breakOff = (detail: string): undefined => {
    broken ??= detail
    kill('protocol')
    return undefined
  }

  const onFrame = ({ kind, text, body }: Frame) => {
    switch (kind) {
      case FRAME.ready: {
        const said = parseReady(text)
        if (said === undefined) return breakOff('no ready')
        return ready.resolve(said)
      }
      case FRAME.read:
        return current === undefined ? breakOff('a range without a job') : answerRange(text, current)
      case FRAME.inspected: {
        const inspection = parseInspection(text)
        if (inspection === undefined) return breakOff('no inspection')
        return current?.onInspected?.(inspection.cost)
      }
      case FRAME.done: {
        const finished = current
        if (finished === undefined) return breakOff('a result without a job')
        return finish(finished, text, body)
      }
      default:
        return breakOff(`frame ${kind}`)
    }
  }

  function answerRange(text: string, job: CurrentJob): undefined {
    const range = parseRange(text)
    if (
      range === undefined ||
      range.end <= range.start ||
      range.end > job.sizeBytes ||
      job.read === undefined
    )
      return breakOff('a range outside of the source')
    job.read(range.start, range.end).then(
      (part) => {
        if (!alive) return
        if (part instanceof Uint8Array) {
          bytes += part.length
          send(socket, FRAME.part, {}, part)
        } else send(socket, FRAME.part, { failure: part }, NOTHING)
      },
      (error: unknown) => job.fail(error),
    )
  }

  function finish(job: CurrentJob, text: string, body: Uint8Array): undefined {
    const done = parseDone(job.kind, text)
    if (done === undefined) return breakOff('no result')
    current = undefined
    socket.unref()
    const used = Math.max(0, done.cpuSeconds - usedCpuSeconds)
    usedCpuSeconds += used
    bytes += body.length
    job.done({ result: done.result, body, usedCpuSeconds: used })
  }

  const read = createFrameReader(onFrame)
  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk)
    } catch (error) {
      breakOff(error instanceof Error ? error.message : String(error))
    }
  })
  // A socket breaks because its process has ended, which then tells why; one that lives on is of no use.
  socket.on('error', () => killGroup(child.pid))

  const onEnd = async (code: number | null, signal: NodeJS.Signals | null) => {
    alive = false
    // What it started itself, and did not take with it.
    killGroup(child.pid)
    const words = (await complaint).trim().slice(-500)
    const end: ProcessEnd = {
      cpuSeconds: lastCpuSeconds,
      cause: causeOf(code, signal, killedFor, broken, words),
    }
    socket.destroy()
    ready.resolve(undefined)
    current?.done(end)
    current = undefined
    ended.resolve(end)
  }
  child.once('error', (error) => void onEnd(null, null).then(() => error))
  child.once('exit', (code, signal) => void onEnd(code, signal))
  // Until it is ready somebody waits for it.
  void ready.promise.then(() => {
    child.unref()
    if (current === undefined) socket.unref()
  })

  return {
    pid: child.pid ?? 0,
    ready: ready.promise,
    ended: ended.promise,
    get alive() {
      return alive && killedFor === undefined
    },
    get jobs() {
      return jobs
    },
    get bytes() {
      return bytes
    },
    run(job, input, onInspected) {
      const { promise, resolve, reject } = Promise.withResolvers<JobOutput<typeof job.kind> | ProcessEnd>()
      if (!alive) return ended.promise
      if (current !== undefined) throw new Error('an engine process runs one job at a time')
      jobs += 1
      bytes += input.body.length
      current = {
        kind: job.kind,
        sizeBytes: 'source' in job ? job.source.sizeBytes : input.body.length,
        ...(input.read === undefined ? {} : { read: input.read }),
        ...(onInspected === undefined ? {} : { onInspected }),
        // The result was parsed by the schema of this very kind.
        done: resolve as CurrentJob['done'],
        fail: reject,
      }
      // A process with nothing to do keeps nobody alive; one at work does.
      socket.ref()
      send(socket, FRAME.job, job, input.body)
      return promise
    },
    cpuSeconds,
    kill,
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // There is nobody left in it.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

interface CurrentJob {
  readonly kind: Job['kind']
  readonly sizeBytes: number
  readonly read?: JobInput['read']
  readonly onInspected?: (cost: Cost) => void
  readonly done: (result: JobOutput<Job['kind']> | ProcessEnd) => void
  readonly fail: (error: unknown) => void
}

const NOTHING = new Uint8Array()

function socketOf(child: ChildProcess): Socket {
  const socket = child.stdio[3]
  if (socket instanceof Socket) return socket
  throw new Error('an engine process has no socket')
}

function send(socket: Socket, kind: Frame['kind'], value: unknown, body: Uint8Array): void {
  const head = encodeHead(kind, value, body.length)
  if (body.length === 0) {
    socket.write(head)
    return
  }
  socket.cork()
  socket.write(head)
  socket.write(body)
  socket.uncork()
}

/** What a process writes to standard error, up to a length. */
function collect(stream: Readable | null): Promise<string> {
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
  if (stream === null) end()
  if (stream instanceof Socket) stream.unref()
  return promise
}

function causeOf(
  code: number | null,
  signal: NodeJS.Signals | null,
  killedFor: KillReason | undefined,
  broken: string | undefined,
  complaint: string,
): ProcessEnd['cause'] {
  if (broken !== undefined) return { kind: 'crashed', detail: broken }
  if (killedFor !== undefined) return { kind: 'killed', reason: killedFor }
  if (signal === 'SIGKILL' || signal === 'SIGTERM') return { kind: 'killed-from-outside' }
  return { kind: 'crashed', detail: `${signal ?? `status ${code}`} ${complaint}`.trim() }
}

/** Ticks of the clock that the kernel counts processor time in: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** User and system time of a process, from the fourteenth and fifteenth field of proc_pid_stat(5). */
function processorSeconds(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    // Another system than Linux, or a process that has just ended.
    return undefined
  }
}
