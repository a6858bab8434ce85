/**
 * The one place that starts FFmpeg, where libav cannot be had. It is a child of an engine process, and so has no
 * network, no environment, and the limits of that process; beside them an address space of its own, one thread, and a
 * bounded answer. It ends with the process that started it.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { FfmpegBinary } from '../../ffmpeg-binary.ts'

export interface FfmpegRun {
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
   * `unsupported-codec` where the codec is none of the accepted ones, and with `overloaded` where somebody else killed
   * it.
   */
  run(run: FfmpegRun): Promise<FfmpegOutput | Failure>
  readonly binary: FfmpegBinary
}

export interface FfmpegOutput {
  readonly bytes: Uint8Array
  /** What was written to standard error: complaints, and what a filter was told to print. */
  readonly messages: Promise<string>
}

export interface FfmpegOptions {
  readonly binary: FfmpegBinary
  /** Address space of a child; its decoder's buffers live in it. */
  readonly memoryBytes: number
}

/** What every call starts with. `-v error` keeps standard error to what matters for the log. */
const COMMON_ARGS = ['-nostdin', '-hide_banner', '-v', 'error', '-threads', '1', '-filter_threads', '1']
/** Standard error that is kept, in characters: the first lines complain, the last ones tell of what came out. */
const KEPT_COMPLAINTS = 2048
const KEPT_END = 2048

export function createFfmpeg({ binary, memoryBytes }: FfmpegOptions): Ffmpeg {
  return {
    binary,
    run: (run) => runChild(withAddressSpace(binary.path, [...COMMON_ARGS, ...run.args], memoryBytes), run),
  }
}

/** Set by the shell that turns into FFmpeg. A limit that a system does not know is passed over. */
function withAddressSpace(path: string, args: readonly string[], memoryBytes: number): readonly string[] {
  if (process.platform === 'win32') return [path, ...args]
  const limit = `ulimit -v ${Math.ceil(memoryBytes / 1024)}`
  return ['/bin/sh', '-c', `{ ${limit}; } 2>/dev/null; exec "$@"`, 'sh', path, ...args]
}

interface Exit {
  readonly code: number | null
  readonly signal?: NodeJS.Signals | null
  readonly error?: string
}

function start([path = '', ...args]: readonly string[], extraInputs: number) {
  const extra = Array.from({ length: extraInputs }, () => 'pipe' as const)
  const child: ChildProcess = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe', ...extra] })
  const ended = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ code: null, error: error.message }))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  return { child, ended }
}

async function runChild(command: readonly string[], run: FfmpegRun): Promise<FfmpegOutput | Failure> {
  const { child, ended } = start(command, Math.max(0, run.inputs.length - 1))
  const pipes = [child.stdin, ...child.stdio.slice(3)]
  run.inputs.forEach((chunks, index) => {
    const pipe = pipes[index]
    if (pipe !== undefined && pipe !== null && 'write' in pipe) feed(pipe, chunks)
  })
  if (run.inputs.length === 0) child.stdin?.end()
  const messages = collectMessages(child.stderr)
  const bytes = await collect(child.stdout, run.outputBytes, () => child.kill('SIGKILL'))
  if (bytes.length === run.outputBytes) return { bytes, messages }
  const [complaint, exit] = await Promise.all([messages, ended])
  // Where memory is short the kernel kills, too: that tells nothing of the file, and the next attempt may work.
  if (exit.signal === 'SIGKILL') return fail('overloaded', 'FFmpeg was killed')
  if (isRefusedCodec(complaint)) return fail('unsupported-codec', complaint.slice(0, 200))
  const why = complaint.slice(0, 500) || exit.error || `FFmpeg ended with ${exit.signal ?? exit.code}`
  return fail('undecodable', `${bytes.length} of ${run.outputBytes} bytes: ${why}`)
}

/** Codecs of streams that nobody asked for are refused, too, while a file is looked at; that is said and passed over. */
function isRefusedCodec(complaint: string): boolean {
  return /\] Codec \(.+\) not on whitelist/.test(complaint) && /opening decoder/i.test(complaint)
}

/** A child may end before it has read all it was given: that its pipe is closed is then no error. */
function feed(pipe: Writable, chunks: readonly Uint8Array[]): void {
  pipe.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') pipe.destroy()
  })
  for (const chunk of chunks) pipe.write(chunk)
  pipe.end()
}

/** The beginning and the end of what is written: a broken file can cause thousands of lines. */
function collectMessages(stream: Readable | null): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let begin = ''
  let end = ''
  const finish = () => resolve(`${begin}${end}`.trim())
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    const taken = chunk.slice(0, KEPT_COMPLAINTS - begin.length)
    begin += taken
    end = (end + chunk.slice(taken.length)).slice(-KEPT_END)
  })
  stream?.once('close', finish)
  stream?.once('error', finish)
  if (stream === null) finish()
  return promise
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
