/**
 * The one place that starts FFmpeg. Decoders are where hostile files win, so a child gets as little as will do:
 * no network, no environment, no file but one, one thread, a bounded answer, and limits of time and memory that the
 * kernel keeps. It dies with the request it works for.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Lane } from '../../../concurrency/lane.ts'
import { abortFailure } from '../../../concurrency/wait.ts'
import type { Log } from '../../../telemetry/log.ts'
import { lowerPriority, PRIORITIES } from '../../priority.ts'
import { findFfmpeg } from './ffmpeg-binary.ts'

export interface FfmpegJob {
  /** Inputs, filters and output; the output is written to `pipe:1`. */
  readonly args: readonly string[]
  /** What is written to `pipe:0` and, where there is a second, to `pipe:3`. */
  readonly inputs: readonly (readonly Uint8Array[])[]
  /** How long the answer is. A child that has written it is killed, whatever else it might have to say. */
  readonly outputBytes: number
}

export interface Ffmpeg {
  /**
   * Runs one child and gives what it wrote. Fails with `undecodable` where it failed or wrote too little, with
   * `unsupported-codec` where the codec is none of the accepted ones, and with `deadline`, `client-gone`,
   * `overloaded` (also where somebody else killed it), or `not-ready` where there is no FFmpeg.
   */
  run(job: FfmpegJob, signal: AbortSignal): Promise<FfmpegOutput | Failure>
  /** What the binary is and can; a failure where there is none. Asked once. */
  readonly abilities: Promise<FfmpegAbilities | Failure>
}

export interface FfmpegOutput {
  readonly bytes: Uint8Array
  /** What was written to standard error: complaints, and what a filter was told to print. */
  readonly messages: Promise<string>
}

export interface FfmpegAbilities {
  readonly path: string
  readonly version: string
  /** HDR can be mapped to what every screen shows. */
  readonly toneMaps: boolean
}

export interface FfmpegOptions {
  /** Fires when the process ends: no child outlives it. */
  readonly ending?: AbortSignal
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** Bounds how many children run and wait. */
  readonly lane: Lane
  /** Longest life of a child, in milliseconds. */
  readonly deadlineMs: number
  /** Address space of a child; its decoder's buffers live in it. */
  readonly memoryBytes: number
}

/** What every call starts with. `-v error` keeps standard error to what matters for the log. */
const COMMON_ARGS = ['-nostdin', '-hide_banner', '-v', 'error', '-threads', '1', '-filter_threads', '1']
/** Standard error that is kept: the first lines tell, and a broken file can cause thousands. */
const MAX_STDERR_BYTES = 2048

export function createFfmpeg(options: FfmpegOptions): Ffmpeg {
  const { environment, log, lane } = options
  const abilities = inspect(options)
  abilities.then((found) => {
    if (isFailure(found)) log.error({ detail: found.detail }, 'FFmpeg is missing')
    else log.info({ ...found }, 'FFmpeg')
  })

  return {
    abilities,
    async run(job, signal) {
      const found = await abilities
      if (isFailure(found)) return found
      const command = withLimits(found.path, [...COMMON_ARGS, ...job.args], options)
      const answer = Promise.withResolvers<FfmpegOutput | Failure>()
      const work = lane.run(signal, async () => {
        const running = runChild(
          command,
          job,
          childEnvironment(environment),
          AbortSignal.any([signal, options.ending ?? signal, AbortSignal.timeout(options.deadlineMs)]),
        )
        answer.resolve(running.answer)
        // The place is free when the process is gone, the answer is there some milliseconds earlier.
        await running.ended
      })
      work.then((refused) => refused !== undefined && answer.resolve(refused), answer.reject)
      return answer.promise
    },
  }
}

/** One child tells both: its banner the version, its list of filters whether it can map HDR. */
async function inspect(options: FfmpegOptions): Promise<FfmpegAbilities | Failure> {
  const path = findFfmpeg(options.environment)
  if (path === undefined) return fail('not-ready', 'no FFmpeg: install it or set FFMPEG_PATH')
  const { child, ended } = start([path, '-nostdin', '-filters'], childEnvironment(options.environment), 0)
  const [filters, banner, exit] = await Promise.all([
    collect(child.stdout, MAX_FILTER_LIST_BYTES),
    collect(child.stderr, MAX_STDERR_BYTES),
    ended,
  ])
  const version = /^ffmpeg version (\S+)/m.exec(banner.toString('latin1'))?.[1]
  if (exit.code !== 0 || version === undefined) {
    return fail('not-ready', `${path} does not run: ${exit.error ?? `status ${exit.code}`}`)
  }
  const list = filters.toString('latin1')
  return { path, version, toneMaps: / zscale /.test(list) && / tonemap /.test(list) }
}

const MAX_FILTER_LIST_BYTES = 256 * 1024

/** Nothing of the service's own environment, which holds its secrets. */
function childEnvironment(environment: FfmpegOptions['environment']): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH } = environment
  return { LC_ALL: 'C', ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }) }
}

/**
 * Limits that the kernel keeps, set by the shell that turns into FFmpeg: processor seconds, address space, no
 * file written, no core dumped. Measured: 1 ms of 60. A limit that a system does not know is passed over.
 */
function withLimits(path: string, args: readonly string[], options: FfmpegOptions): readonly string[] {
  if (process.platform === 'win32') return [path, ...args]
  const seconds = Math.max(1, Math.ceil(options.deadlineMs / 1000))
  const kibibytes = Math.ceil(options.memoryBytes / 1024)
  const limits = [`-t ${seconds}`, `-v ${kibibytes}`, '-f 0', '-c 0'].map((limit) => `ulimit ${limit}`)
  return ['/bin/sh', '-c', `{ ${limits.join('; ')}; } 2>/dev/null; exec "$@"`, 'sh', path, ...args]
}

interface Exit {
  readonly code: number | null
  readonly signal?: NodeJS.Signals | null
  readonly error?: string
}

function start([path = '', ...args]: readonly string[], env: NodeJS.ProcessEnv, extraInputs: number) {
  const extra = Array.from({ length: extraInputs }, () => 'pipe' as const)
  const child: ChildProcess = spawn(path, args, { env, stdio: ['pipe', 'pipe', 'pipe', ...extra] })
  if (child.pid !== undefined) lowerPriority(child.pid, PRIORITIES.children)
  const ended = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ code: null, error: error.message }))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  return { child, ended }
}

interface Running {
  readonly answer: Promise<FfmpegOutput | Failure>
  readonly ended: Promise<unknown>
}

function runChild(
  command: readonly string[],
  job: FfmpegJob,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Running {
  const { child, ended } = start(command, env, Math.max(0, job.inputs.length - 1))
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  ended.then(() => signal.removeEventListener('abort', kill))
  const pipes = [child.stdin, ...child.stdio.slice(3)]
  job.inputs.forEach((chunks, index) => {
    const pipe = pipes[index]
    if (pipe !== undefined && pipe !== null && 'write' in pipe) feed(pipe, chunks)
  })
  if (job.inputs.length === 0) child.stdin?.end()
  const messages = collect(child.stderr, MAX_STDERR_BYTES).then((bytes) => bytes.toString('utf8').trim())
  return { answer: answerOf(), ended }

  async function answerOf(): Promise<FfmpegOutput | Failure> {
    const bytes = await collect(child.stdout, job.outputBytes, kill)
    if (bytes.length === job.outputBytes) return { bytes, messages }
    const [complaint, exit] = await Promise.all([messages, ended])
    if (signal.aborted) return abortFailure(signal)
    // Where memory is short the kernel kills, too: that tells nothing of the file, and the next attempt may work.
    if (exit.signal === 'SIGKILL') return fail('overloaded', 'FFmpeg was killed', KILLED_RETRY_AFTER)
    if (/^\[.*\] Codec \(.+\) not on whitelist/m.test(complaint))
      return fail('unsupported-codec', complaint.slice(0, 200))
    const why = complaint.slice(0, 500) || exit.error || `FFmpeg ended with ${exit.signal ?? exit.code}`
    return fail('undecodable', `${bytes.length} of ${job.outputBytes} bytes: ${why}`)
  }
}

const KILLED_RETRY_AFTER = { 'retry-after': '10' }

/** A child may end before it has read all it was given: that its pipe is closed is then no error. */
function feed(pipe: Writable, chunks: readonly Uint8Array[]): void {
  pipe.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') pipe.destroy()
  })
  for (const chunk of chunks) pipe.write(chunk)
  pipe.end()
}

/** Reads a stream up to a length; `onFull` is called when it is reached, and what comes after is dropped. */
function collect(stream: Readable | null, maxBytes: number, onFull?: () => void): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const whole = Buffer.allocUnsafe(maxBytes)
  let length = 0
  const end = () => resolve(whole.subarray(0, length))
  stream?.on('data', (chunk: Buffer) => {
    if (length === maxBytes) return
    length += chunk.copy(whole, length)
    if (length < maxBytes || onFull === undefined) return
    end()
    onFull()
  })
  stream?.once('close', end)
  stream?.once('error', end)
  if (stream === null) end()
  return promise
}
