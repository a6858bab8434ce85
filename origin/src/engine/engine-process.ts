/**
 * The server's side of one engine process. It runs one job at a time over a socket, and every process ends
 * with a reported cause.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { freeBuffer } from '../streams/free-buffer.ts'
import { collect, killGroup, processorSeconds, socketOf } from './child-process.ts'
import { compileCacheEnvironment } from './compile-cache.ts'
import {
  type Cost,
  type Done,
  type Job,
  parseDone,
  parseInspection,
  parseProgress,
  parseRange,
  parseReady,
  type Ready,
} from './jobs.ts'
import { causeOf, type KillReason, type ProcessEnd } from './process-end.ts'
import { createMessageReader, encodeHead, MAX_PART_BYTES, MESSAGE, type Message } from './protocol.ts'
import { ENGINE_ENVIRONMENT, type SandboxOptions, sandboxed } from './sandbox.ts'

export interface EngineProcessOptions {
  /** The arguments of Node: flags, the script and its arguments. */
  readonly args: readonly string[]
  readonly sandbox: SandboxOptions
  /** Environment variables in addition to the fixed ones. */
  readonly environment?: Readonly<Record<string, string>>
}

/** The bytes of a job's source. */
export interface JobInput {
  /** The bytes that are sent with the job. */
  readonly body: Uint8Array
  /** Reads a range that the process requests. Absent when the whole source is in `body`. */
  readonly read?: (start: number, end: number) => Promise<Uint8Array | Failure>
  /** Whether nothing else uses the memory of a range, so that it is freed once it is sent. */
  readonly freesRanges?: boolean
}

export interface JobOutput<Kind extends Job['kind']> extends Pick<Done<Kind>, 'result'> {
  readonly body: Uint8Array
  /** The CPU seconds of this job alone. */
  readonly usedCpuSeconds: number
}

export interface EngineProcess {
  readonly pid: number
  /**
   * The capabilities that the process reports once its code is loaded. Undefined when it ended before that.
   */
  readonly ready: Promise<Ready | undefined>
  readonly ended: Promise<ProcessEnd>
  readonly alive: boolean
  /** The number of jobs so far. */
  readonly jobs: number
  /** The bytes that its jobs received and returned so far. */
  readonly bytes: number
  /** The `id` of the source of its last job. */
  readonly sourceId: number | undefined
  /** The progress of its job, from 0 to 1. Undefined unless the job is long enough to report progress. */
  readonly progress: number | undefined
  /**
   * Runs a job; only one at a time. Returns the `ProcessEnd` when the process ends before the job does.
   * `onInspected` receives the predicted cost of a job that takes longer than usual.
   */
  run<J extends Job>(
    job: J,
    input: JobInput,
    onInspected?: (cost: Cost) => void,
  ): Promise<JobOutput<J['kind']> | ProcessEnd>
  /** Returns the CPU seconds since the last job ended. Undefined when the system does not report CPU time. */
  cpuSeconds(): number | undefined
  /**
   * Tells an idle process that no job is pending, so that it releases the memory that it keeps for the next
   * one.
   */
  releaseMemory(): void
  kill(reason: KillReason): void
}

/** Starts an engine process. Throws when the system cannot start a process for lack of memory. */
export function startEngineProcess(options: EngineProcessOptions): EngineProcess {
  return new ChildEngine(options)
}

class ChildEngine implements EngineProcess {
  readonly ended: Promise<ProcessEnd>
  readonly ready: Promise<Ready | undefined>
  readonly #child: ChildProcess
  readonly #socket: Socket
  readonly #resolveEnded: (end: ProcessEnd) => void
  readonly #resolveReady: (ready: Ready | undefined) => void
  #running = true
  #killedFor: KillReason | undefined
  /** What was wrong with an invalid message of the process. */
  #broken: string | undefined
  #current: CurrentJob | undefined
  #jobs = 0
  #bytes = 0
  #sourceId: number | undefined
  /** The CPU seconds of its start and its finished jobs. */
  #usedCpuSeconds = 0
  #cpuSecondsAtKill: number | undefined

  constructor(options: EngineProcessOptions) {
    const [program = '', ...args] = sandboxed([process.execPath, ...options.args], options.sandbox)
    this.#child = spawn(program, args, {
      env: { ...ENGINE_ENVIRONMENT, ...compileCacheEnvironment(), ...options.environment },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // Its own process group: a kill also ends the processes that it started, and a terminal's Ctrl-C does
      // not reach it.
      detached: true,
    })
    this.#socket = socketOf(this.#child)
    const ended = Promise.withResolvers<ProcessEnd>()
    const ready = Promise.withResolvers<Ready | undefined>()
    this.ended = ended.promise
    this.ready = ready.promise
    this.#resolveEnded = ended.resolve
    this.#resolveReady = ready.resolve
    this.#listen()
    // Until it is ready, a caller waits for it, so the event loop must stay alive. After a kill, a caller may
    // wait for its end.
    void this.ready.then(() => {
      if (this.#killedFor === undefined) this.#child.unref()
      if (this.#current === undefined) this.#socket.unref()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get alive(): boolean {
    return this.#running && this.#killedFor === undefined
  }

  get jobs(): number {
    return this.#jobs
  }

  get bytes(): number {
    return this.#bytes
  }

  get sourceId(): number | undefined {
    return this.#sourceId
  }

  get progress(): number | undefined {
    return this.#current?.progress
  }

  run<J extends Job>(
    job: J,
    input: JobInput,
    onInspected?: (cost: Cost) => void,
  ): Promise<JobOutput<J['kind']> | ProcessEnd> {
    if (!this.#running) return this.ended
    if (this.#current !== undefined) throw new Error('an engine process runs one job at a time')
    const { promise, resolve, reject } = Promise.withResolvers<JobOutput<J['kind']> | ProcessEnd>()
    this.#jobs += 1
    this.#bytes += input.body.length
    this.#sourceId = 'source' in job ? job.source.id : undefined
    const sent = Promise.withResolvers<void>()
    this.#current = {
      kind: job.kind,
      sizeBytes: 'source' in job ? job.source.sizeBytes : input.body.length,
      // Requests for ranges arrive in the async context of the socket. Binding attributes their spans to the
      // request of the job.
      ...(input.read === undefined ? {} : { read: AsyncLocalStorage.bind(input.read) }),
      freesRanges: input.freesRanges === true,
      ...(onInspected === undefined ? {} : { onInspected }),
      // The result was parsed by the schema of this kind of job.
      done: resolve as CurrentJob['done'],
      sent: sent.promise,
      fail: reject,
    }
    // An idle process does not keep the event loop alive; one with a job does.
    this.#socket.ref()
    send(this.#socket, { kind: MESSAGE.job, value: job, body: input.body }, sent.resolve)
    return promise
  }

  cpuSeconds(): number | undefined {
    const now = processorSeconds(this.pid)
    return now === undefined ? undefined : Math.max(0, now - this.#usedCpuSeconds)
  }

  releaseMemory(): void {
    if (this.alive && this.#current === undefined)
      send(this.#socket, { kind: MESSAGE.releaseMemory, value: {}, body: NOTHING })
  }

  kill(reason: KillReason): void {
    if (!this.#running || this.#child.pid === undefined) return
    this.#killedFor ??= reason
    this.#cpuSecondsAtKill ??= this.cpuSeconds()
    // The caller may wait for the process to end.
    this.#child.ref()
    killGroup(this.#child.pid)
  }

  #listen(): void {
    const stderr = collect(this.#child.stderr)
    const read = createMessageReader((message) => this.#onMessage(message))
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        read(chunk)
      } catch (error) {
        this.#breakOff(error instanceof Error ? error.message : String(error))
      }
    })
    // A socket normally breaks because its process has ended, and the exit event reports the cause. A process
    // that is still alive is useless without its socket.
    this.#socket.on('error', () => killGroup(this.#child.pid))
    this.#child.once('error', (error) => {
      this.#broken ??= error.message
      void this.#onExit(stderr, null, null)
    })
    this.#child.once('exit', (code, signal) => void this.#onExit(stderr, code, signal))
  }

  #onMessage({ kind, text, body }: Message): void {
    const current = this.#current
    switch (kind) {
      case MESSAGE.ready: {
        const ready = parseReady(text)
        if (ready === undefined) {
          this.#breakOff('no ready')
          break
        }
        this.#usedCpuSeconds = ready.cpuSeconds
        this.#resolveReady(ready)
        break
      }
      case MESSAGE.inspected: {
        const inspection = parseInspection(text)
        if (inspection === undefined) this.#breakOff('no inspection')
        else current?.onInspected?.(inspection.cost)
        break
      }
      case MESSAGE.progress: {
        const progress = parseProgress(text)
        if (progress === undefined) this.#breakOff('no progress')
        else if (current !== undefined) current.progress = progress.share
        break
      }
      case MESSAGE.read:
        if (current === undefined) this.#breakOff('a range without a job')
        else this.#onRange(text, current)
        break
      case MESSAGE.done:
        if (current === undefined) this.#breakOff('a result without a job')
        else if (current.isReading) this.#breakOff('a result while it waits for a range')
        else this.#finish(current, text, body)
        break
      default:
        this.#breakOff(`message ${kind}`)
    }
  }

  #onRange(text: string, current: CurrentJob): void {
    const { read, sizeBytes, fail } = current
    const range = parseRange(text)
    if (range === undefined || range.end <= range.start || range.end > sizeBytes || read === undefined) {
      this.#breakOff('a range outside of the source')
      return
    }
    // A valid process waits for each range before it requests the next, and never requests a range this
    // large.
    if (current.isReading || range.end - range.start > MAX_PART_BYTES) {
      this.#breakOff(current.isReading ? 'a range while it waits for one' : 'too large a range')
      return
    }
    current.isReading = true
    // A process that requests ranges without reading them gets no second one.
    current.sent.then(() => read(range.start, range.end)).then((part) => this.#sendPart(part, current), fail)
  }

  #sendPart(part: Uint8Array | Failure, current: CurrentJob): void {
    current.isReading = false
    if (!this.#running) return
    const sent = Promise.withResolvers<void>()
    current.sent = sent.promise
    const isBytes = part instanceof Uint8Array
    if (isBytes) this.#bytes += part.length
    const body = isBytes ? part : NOTHING
    const value = isBytes ? {} : { failure: part }
    send(this.#socket, { kind: MESSAGE.part, value, body }, () => {
      if (isBytes && current.freesRanges) freeBuffer(part)
      sent.resolve()
    })
  }

  #finish(job: CurrentJob, text: string, body: Uint8Array): void {
    const done = parseDone(job.kind, text)
    if (done === undefined) {
      this.#breakOff('no result')
      return
    }
    this.#current = undefined
    this.#socket.unref()
    const used = Math.max(0, done.cpuSeconds - this.#usedCpuSeconds - done.idleCpuSeconds)
    this.#usedCpuSeconds = Math.max(this.#usedCpuSeconds, done.cpuSeconds)
    this.#bytes += body.length
    // Until the system has taken all bytes of the source that were sent, they must not be freed, whatever the
    // process reports.
    void job.sent.then(() => job.done({ result: done.result, body, usedCpuSeconds: used }))
  }

  #breakOff(detail: string): void {
    this.#broken ??= detail
    this.kill('protocol')
  }

  async #onExit(stderr: Promise<string>, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    this.#running = false
    // Kills processes that it started and that outlived it.
    killGroup(this.#child.pid)
    const output = (await stderr).trim().slice(-500)
    const end: ProcessEnd = {
      cpuSeconds: this.#cpuSecondsAtKill,
      cause: causeOf({ code, signal, killedFor: this.#killedFor, broken: this.#broken, stderr: output }),
    }
    this.#socket.destroy()
    this.#resolveReady(undefined)
    this.#current?.done(end)
    this.#current = undefined
    this.#resolveEnded(end)
  }
}

interface CurrentJob {
  readonly kind: Job['kind']
  readonly sizeBytes: number
  progress?: number
  /** Whether a range of its source is being read. */
  isReading?: boolean
  readonly read?: JobInput['read']
  readonly freesRanges: boolean
  readonly onInspected?: (cost: Cost) => void
  /** Resolves when the system has taken the latest message to the process, and with it all earlier ones. */
  sent: Promise<void>
  readonly done: (result: JobOutput<Job['kind']> | ProcessEnd) => void
  readonly fail: (error: unknown) => void
}

const NOTHING = new Uint8Array()

interface OutgoingMessage {
  readonly kind: Message['kind']
  /** The text of the message, as JSON. */
  readonly value: unknown
  readonly body: Uint8Array
}

/** Sends a message. Calls `onSent` when the system has taken all of it. */
function send(
  socket: Socket,
  { kind, value, body }: OutgoingMessage,
  onSent: () => void = () => undefined,
): void {
  const head = encodeHead(kind, value, body.length)
  if (body.length === 0) {
    socket.write(head, onSent)
    return
  }
  socket.cork()
  socket.write(head)
  socket.write(body, onSent)
  socket.uncork()
}
