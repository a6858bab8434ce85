/**
 * The process's end of the socket. Reads block: a process has one job at a time, and only ever waits for the
 * next job or for a range that it requested. Blocking reads also serve libraries that need their bytes
 * synchronously.
 */

import { readSync, writeSync } from 'node:fs'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { freeBuffer } from '../../streams/free-buffer.ts'
import type { Cost } from '../jobs.ts'
import {
  decodeHead,
  encodeHead,
  HEAD_BYTES,
  MAX_PART_BYTES,
  MESSAGE,
  type Message,
  type MessageKind,
} from '../protocol.ts'

export interface Channel {
  /**
   * Waits for the next job, or for the message that no job is pending. Undefined when the server is gone.
   * Overwrites or frees the source of the previous job.
   */
  receiveJob(): Message | undefined
  send(kind: MessageKind, value: unknown, body?: Uint8Array): void
  /** Called when no job is pending: releases the memory for large bodies. */
  releaseMemory(): void
  /**
   * Requests the bytes from `start` (inclusive) to `end` (exclusive) of the job's source, and waits for them.
   */
  readRange(start: number, end: number): Uint8Array | Failure
  /**
   * Requests all bytes of the job's source in parts of at most `partBytes`, and waits for them. The next job
   * overwrites or frees them.
   */
  readAll(sizeBytes: number, partBytes: number): Uint8Array | Failure
  /** Reports the predicted cost of a job that takes longer than usual. */
  reportCost(cost: Cost): void
  /** Reports the progress of the job, from 0 to 1. Sends at most one report per `PROGRESS_MS`. */
  reportProgress(share: number): void
}

export function openChannel(descriptor: number): Channel {
  const head = Buffer.alloc(HEAD_BYTES)
  let jobBody: Buffer | undefined
  let usedBytes = 0
  let largeBody: Buffer | undefined
  let reportedAt = 0

  /**
   * Returns memory for the source of a job. Sources share one buffer, because a new one for each job would have
   * to be mapped and cleared. A large source has its own, which is freed when the job is over.
   */
  function roomForJob(bytes: number): Buffer {
    if (bytes > MAX_REUSED_BYTES) {
      largeBody = Buffer.allocUnsafeSlow(bytes)
      return largeBody
    }
    if (jobBody === undefined || jobBody.length < bytes) {
      jobBody = Buffer.alloc(Math.max(MIN_REUSED_BYTES, 2 ** Math.ceil(Math.log2(bytes))))
      usedBytes = 0
    }
    // A read beyond the end of a source must not reveal bytes of another one.
    if (usedBytes > bytes) jobBody.fill(0, bytes, usedBytes)
    usedBytes = bytes
    return jobBody.subarray(0, bytes)
  }

  function receive(roomFor: (bytes: number) => Buffer = Buffer.allocUnsafeSlow): Message | undefined {
    if (!fill(descriptor, head)) return undefined
    const { kind, textBytes, bodyBytes } = decodeHead(head)
    const text = Buffer.allocUnsafeSlow(textBytes)
    // A message without a body must not refer to the buffer of another one.
    const body = bodyBytes === 0 ? Buffer.alloc(0) : roomFor(bodyBytes)
    if (!fill(descriptor, text) || !fill(descriptor, body)) return undefined
    return { kind, text: text.toString('utf8'), body }
  }

  function send(kind: MessageKind, value: unknown, body: Uint8Array = NOTHING): void {
    drain(descriptor, encodeHead(kind, value, body.length))
    drain(descriptor, body)
  }

  return {
    receiveJob() {
      if (largeBody !== undefined) freeBuffer(largeBody)
      largeBody = undefined
      return receive(roomForJob)
    },
    send,
    releaseMemory() {
      if (jobBody !== undefined && jobBody.length > MIN_REUSED_BYTES) jobBody = undefined
    },
    readRange: (start, end) => readInto(Buffer.allocUnsafeSlow(end - start), start, MAX_PART_BYTES),
    readAll: (sizeBytes, partBytes) => readInto(roomForJob(sizeBytes), 0, partBytes),
    reportCost: (cost) => send(MESSAGE.inspected, { cost }),
    reportProgress(share) {
      const now = performance.now()
      if (now - reportedAt < PROGRESS_MS) return
      reportedAt = now
      send(MESSAGE.progress, { share: Math.min(1, Math.max(0, share)) })
    },
  }

  /** Fills a buffer with the range of the source that begins at `start`, in parts. */
  function readInto(buffer: Buffer, start: number, partBytes: number): Uint8Array | Failure {
    for (let at = 0; at < buffer.length; at += partBytes) {
      const failure = readPart(buffer.subarray(at, at + partBytes), start + at)
      if (failure !== undefined) return failure
    }
    return buffer
  }

  function readPart(buffer: Buffer, start: number): Failure | undefined {
    send(MESSAGE.read, { start, end: start + buffer.length })
    const message = receive((bytes) => (bytes === buffer.length ? buffer : Buffer.allocUnsafeSlow(bytes)))
    // The server is gone, so nothing waits for a result.
    if (message === undefined) process.exit(0)
    if (message.kind !== MESSAGE.part) throw new Error(`message ${message.kind} instead of a range`)
    const { failure }: { failure?: unknown } = JSON.parse(message.text)
    if (isFailure(failure)) return failure
    return message.body === buffer ? undefined : fail('store-unreachable', 'a range of another length')
  }
}

/** The shortest time between two progress reports, in milliseconds. */
const PROGRESS_MS = 250

const NOTHING = new Uint8Array()
/** The size of the reused buffer that is kept for good. Most images are smaller. */
const MIN_REUSED_BYTES = 1024 * 1024
/** The largest size of the reused buffer. Photographs of phones are smaller. */
const MAX_REUSED_BYTES = 16 * 1024 * 1024

/** Reads until a buffer is full. Returns false at the end of the stream. */
function fill(descriptor: number, buffer: Buffer): boolean {
  for (let at = 0; at < buffer.length; ) {
    const bytes = retried(() => readSync(descriptor, buffer, at, buffer.length - at, null))
    if (bytes === 0) return false
    at += bytes
  }
  return true
}

function drain(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    at += retried(() => writeSync(descriptor, bytes, at, bytes.length - at))
  }
}

/**
 * Calls a blocking read or write. Where Node has made the descriptor non-blocking, the call fails with EAGAIN
 * and is retried after a millisecond.
 */
function retried(call: () => number): number {
  for (;;) {
    try {
      return call()
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(PAUSE, 0, 0, 1)
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4))
