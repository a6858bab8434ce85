/**
 * Containers, read by parts: what a file holds, and the coded frames around a moment. The reading is done by
 * threads that are bounded in memory and in time, so that a file made to exhaust a demuxer takes one of them
 * with it and nothing else.
 */

import { Worker } from 'node:worker_threads'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from '../../../concurrency/wait.ts'
import type { MediaFormat } from '../../../media/kinds.ts'
import type { MediaBytes } from '../../../source/ranges.ts'
import type { AudioCodec, VideoCodec } from './codecs.ts'
import type { FromThread, ToThread } from './demux-messages.ts'

/** What a file holds. */
export interface ContainerFacts {
  readonly durationSeconds: number | undefined
  readonly video: VideoFacts | undefined
  /** One entry a stream; undefined for a codec that is not accepted. */
  readonly audio: readonly (AudioCodec | undefined)[]
}

export interface VideoFacts {
  /** Undefined for a codec that is not accepted. */
  readonly codec: VideoCodec | 'hidden' | undefined
  /** Pixels as they are shown: pixel aspect and rotation applied. */
  readonly width: number
  readonly height: number
  readonly codedWidth: number
  readonly codedHeight: number
  /** Clockwise degrees by which a decoded frame has to be turned, before it is mirrored. */
  readonly rotation: 0 | 90 | 180 | 270
  readonly mirrored: boolean
  readonly hasAlpha: boolean
  readonly colours: Colours
}

/** Names as WebCodecs has them; undefined where neither container nor bitstream tell. */
export interface Colours {
  readonly matrix: string | undefined
  readonly transfer: string | undefined
  readonly primaries: string | undefined
  readonly fullRange: boolean
}

/** Coded frames from a key frame up to the wanted one, in the order of decoding. */
export interface PacketRun {
  readonly packets: readonly CodedFrame[]
  /** When the wanted one is shown. */
  readonly timestampSeconds: number
  /** Parameter sets beside the stream (`avcC`, `hvcC`). */
  readonly description: Uint8Array | undefined
}

export interface CodedFrame {
  readonly data: Uint8Array
  readonly alpha: Uint8Array | undefined
  /** When it is shown. */
  readonly timestampSeconds: number
}

/** An opened container; one question at a time. */
export interface Container {
  readonly facts: ContainerFacts
  /** The run of the frame that is shown at a moment; of the first key frame without one. */
  readRun(atSeconds: number | undefined): Promise<PacketRun | Failure>
  close(): void
}

/** Opens containers. */
export interface Demuxers {
  /**
   * Opens a container and reads what it holds. The caller closes it. Fails with `undecodable`, as the bytes do,
   * or with the signal.
   */
  open(bytes: MediaBytes, format: MediaFormat, signal: AbortSignal): Promise<Container | Failure>
}

export interface DemuxersOptions {
  /** Threads that are kept for the next file. */
  readonly kept: number
  /** Heap of one thread; the index of ten hours of video fits into it. */
  readonly memoryBytes: number
  /** Longest that a thread may think between two reads, in milliseconds. */
  readonly thinkMs: number
}

export const DEMUXER_DEFAULTS = { memoryBytes: 256 * 1024 * 1024, thinkMs: 1000 } as const

const MIB = 1024 * 1024

export function createDemuxers({ kept, memoryBytes, thinkMs }: DemuxersOptions): Demuxers {
  const idle: Thread[] = []
  // The first is started at once, so that no request waits for it.
  idle.push(start())

  function start(): Thread {
    const thread = startThread(memoryBytes)
    // What is left of a file can still end a thread that waits for the next one.
    thread.worker.once('exit', () => {
      const at = idle.indexOf(thread)
      if (at !== -1) idle.splice(at, 1)
    })
    return thread
  }

  function take(): Thread {
    const thread = idle.pop() ?? start()
    thread.worker.ref()
    return thread
  }

  function giveBack(thread: Thread): void {
    thread.worker.unref()
    if (idle.length < kept) idle.push(thread)
    else void thread.worker.terminate()
  }

  return {
    async open(bytes, format, signal) {
      if (signal.aborted) return abortFailure(signal)
      const session = startSession(take(), bytes, thinkMs, signal)
      const close = () => {
        const thread = session.end()
        if (thread !== undefined) giveBack(thread)
      }
      const opened = await session.ask({ type: 'open', format, sizeBytes: bytes.sizeBytes })
      if (isFailure(opened)) {
        close()
        return opened
      }
      if (opened.type !== 'opened' || isFailure(opened.result)) {
        close()
        return opened.type === 'opened' && isFailure(opened.result) ? opened.result : fail('undecodable')
      }
      return {
        facts: opened.result,
        async readRun(atSeconds) {
          const answer = await session.ask({ type: 'run', atSeconds })
          if (isFailure(answer)) return answer
          return answer.type === 'run' ? answer.result : fail('undecodable')
        },
        close,
      }
    },
  }
}

interface Thread {
  readonly worker: Worker
  /** Settles when its code is loaded, or when it ended before. */
  readonly ready: Promise<void>
}

function startThread(memoryBytes: number): Thread {
  const worker = new Worker(new URL('./demux-thread.ts', import.meta.url), {
    // Nothing of the service's environment, which holds its secrets.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryBytes / MIB) },
  })
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  worker.once('message', () => resolve())
  worker.once('exit', () => resolve())
  // A listener of its own: without one the end of an idle thread would end the process.
  worker.on('error', () => resolve())
  worker.unref()
  return { worker, ready }
}

type Answer = Exclude<FromThread, { type: 'read' | 'ready' }>

interface Session {
  ask(question: ToThread): Promise<Answer | Failure>
  /** Closes the file; the thread where it can be used again. */
  end(): Thread | undefined
}

/** One file in one thread: passes its reads on, and ends the thread where it thinks for too long. */
function startSession(thread: Thread, bytes: MediaBytes, thinkMs: number, signal: AbortSignal): Session {
  const { worker } = thread
  let pending: ((answer: Answer | Failure) => void) | undefined
  let usable = true
  let openReads = 0
  let timer: NodeJS.Timeout | undefined

  const settle = (answer: Answer | Failure) => {
    clearTimeout(timer)
    pending?.(answer)
    pending = undefined
  }
  const giveUp = (failure: Failure) => {
    usable = false
    settle(failure)
    void worker.terminate()
  }
  const watch = () => {
    clearTimeout(timer)
    if (pending === undefined || openReads > 0) return
    timer = setTimeout(() => giveUp(fail('undecodable', `the demuxer thought for ${thinkMs} ms`)), thinkMs)
  }
  const onMessage = async (message: FromThread) => {
    if (message.type === 'ready') return
    if (message.type !== 'read') return settle(message)
    openReads += 1
    watch()
    const part = await readPart(bytes, message.start, message.end, signal)
    openReads -= 1
    if (!usable) return
    send({ type: 'part', id: message.id, part })
    watch()
  }
  const onError = (error: Error) => giveUp(fail('undecodable', `the demuxer failed: ${error.message}`))
  const onExit = () => giveUp(fail('undecodable', 'the demuxer ended'))
  // While it thinks it cannot be told to stop.
  const onAbort = () => pending !== undefined && giveUp(abortFailure(signal))
  const send = (message: ToThread) => worker.postMessage(message)
  worker.on('message', onMessage)
  worker.on('error', onError)
  worker.on('exit', onExit)
  signal.addEventListener('abort', onAbort, { once: true })

  return {
    ask(question) {
      if (!usable) return Promise.resolve(fail('undecodable', 'the demuxer has ended'))
      if (signal.aborted) return Promise.resolve(abortFailure(signal))
      const { promise, resolve } = Promise.withResolvers<Answer | Failure>()
      pending = resolve
      send(question)
      // Loading its code is no thinking.
      thread.ready.then(watch)
      return promise
    },
    end() {
      clearTimeout(timer)
      worker.off('message', onMessage)
      worker.off('error', onError)
      worker.off('exit', onExit)
      signal.removeEventListener('abort', onAbort)
      if (!usable) return undefined
      usable = false
      send({ type: 'close' })
      return thread
    },
  }
}

async function readPart(
  bytes: MediaBytes,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array | Failure> {
  try {
    return await bytes.read(start, end)
  } catch (error) {
    if (signal.aborted) return abortFailure(signal)
    return fail('store-unreachable', error instanceof Error ? error.message : String(error))
  }
}
