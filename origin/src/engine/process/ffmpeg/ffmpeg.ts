/**
 * The only place that starts FFmpeg, used when libav is unavailable. FFmpeg is a child of an engine process,
 * so it has no network, no environment, and the limits of that process. In addition it has its own address
 * space limit, one thread, and a bounded output. It ends with the process that started it.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { FfmpegBinary } from '../../ffmpeg-binary.ts'

export interface FfmpegRun {
  /** The arguments for inputs, filters and output. The output is written to `pipe:1`. */
  readonly args: readonly string[]
  /** The data written to `pipe:0` and, if there is a second input, to `pipe:3`. */
  readonly inputs: readonly (readonly Uint8Array[])[]
  /** The length of the output. A child that has written it is killed, whatever else it would write. */
  readonly outputBytes: number
}

export interface Ffmpeg {
  /**
   * Runs one child and returns its output. Fails with `undecodable` when it failed or wrote too little, with
   * `unsupported-codec` when the codec is not accepted, and with `overloaded` when it was killed from
   * outside.
   */
  run(run: FfmpegRun): Promise<FfmpegOutput | Failure>
  readonly binary: FfmpegBinary
}

export interface FfmpegOutput {
  readonly bytes: Uint8Array
  /** The text written to standard error: error messages, and the output of printing filters. */
  readonly messages: Promise<string>
}

export interface FfmpegOptions {
  readonly binary: FfmpegBinary
  /** The address space of a child, in bytes. It includes its decoder's buffers. */
  readonly memoryBytes: number
}

/**
 * The arguments that every call starts with. `-v error` limits standard error to what matters for the log.
 */
const COMMON_ARGS = ['-nostdin', '-hide_banner', '-v', 'error', '-threads', '1', '-filter_threads', '1']
/**
 * The characters of standard error that are kept: error messages come first, and details of the output last.
 */
const STDERR_HEAD_LENGTH = 2048
const STDERR_TAIL_LENGTH = 2048

export function createFfmpeg({ binary, memoryBytes }: FfmpegOptions): Ffmpeg {
  return {
    binary,
    run: (run) => runChild(withAddressSpace(binary.path, [...COMMON_ARGS, ...run.args], memoryBytes), run),
  }
}

/**
 * Wraps the command in a shell that sets the limit and then becomes FFmpeg. A limit that the system does not
 * support is ignored.
 */
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
  const [stderr, exit] = await Promise.all([messages, ended])
  // The kernel also kills processes when memory is short. That says nothing about the file, and another
  // attempt may succeed.
  if (exit.signal === 'SIGKILL') return fail('overloaded', 'FFmpeg was killed')
  if (isRejectedCodec(stderr)) return fail('unsupported-codec', stderr.slice(0, 200))
  const why = stderr.slice(0, 500) || exit.error || `FFmpeg ended with ${exit.signal ?? exit.code}`
  return fail('undecodable', `${bytes.length} of ${run.outputBytes} bytes: ${why}`)
}

/**
 * Whether the wanted codec was rejected. While probing, FFmpeg also rejects codecs of unused streams,
 * reports that and continues.
 */
function isRejectedCodec(stderr: string): boolean {
  return /\] Codec \(.+\) not on whitelist/.test(stderr) && /opening decoder/i.test(stderr)
}

/** Writes chunks to a pipe. A child may end before it has read everything, so a closed pipe is no error. */
function feed(pipe: Writable, chunks: readonly Uint8Array[]): void {
  pipe.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') pipe.destroy()
  })
  for (const chunk of chunks) pipe.write(chunk)
  pipe.end()
}

/** Collects the start and the end of the text: a corrupt file can cause thousands of lines. */
function collectMessages(stream: Readable | null): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let begin = ''
  let end = ''
  const finish = () => resolve(`${begin}${end}`.trim())
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    const taken = chunk.slice(0, STDERR_HEAD_LENGTH - begin.length)
    begin += taken
    end = (end + chunk.slice(taken.length)).slice(-STDERR_TAIL_LENGTH)
  })
  stream?.once('close', finish)
  stream?.once('error', finish)
  if (stream === null) finish()
  return promise
}

/** Reads a stream up to a length. Calls `onFull` when it is reached, and drops what follows. */
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
