/**
 * The process's end of the socket. Reading blocks: a process has one job at a time, and nothing else to do than to
 * wait for the next, or for a range that it asked for. That also serves libraries that can only be given bytes at once.
 */

import { readSync, writeSync } from 'node:fs'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Cost } from '../jobs.ts'
import {
  decodeHead,
  encodeHead,
  FRAME,
  type Frame,
  type FrameKind,
  HEAD_BYTES,
  MAX_PART_BYTES,
} from '../protocol.ts'

export interface Channel {
  /**
   * Waits for the next job, or to be told that there is none for now; undefined when the server is gone. The body of the
   * job before is overwritten.
   */
  receiveJob(): Frame | undefined
  send(kind: FrameKind, value: unknown, body?: Uint8Array): void
  /** Asks for the bytes from `start` up to, not including, `end` of the job's source, and waits for them. */
  readRange(start: number, end: number): Uint8Array | Failure
  /** Tells what the job will cost, where it takes longer than usual. */
  tellCost(cost: Cost): void
  /** Tells how much of the job is done, from 0 to 1; not each time that it is called. */
  tellProgress(share: number): void
}

export function openChannel(descriptor: number): Channel {
  const head = Buffer.alloc(HEAD_BYTES)
  let jobBody: Buffer | undefined
  let usedBytes = 0
  let toldAt = 0

  /** One piece of memory for the bodies of all usual jobs: a new one each time is mapped, cleared, and garbage afterwards. */
  function roomForJob(bytes: number): Buffer {
    if (bytes > REUSED_BYTES) return Buffer.allocUnsafeSlow(bytes)
    jobBody ??= Buffer.alloc(REUSED_BYTES)
    // Who reads beyond the end of a body finds nothing of another one.
    if (usedBytes > bytes) jobBody.fill(0, bytes, usedBytes)
    usedBytes = bytes
    return jobBody.subarray(0, bytes)
  }

  function receive(roomFor: (bytes: number) => Buffer = Buffer.allocUnsafeSlow): Frame | undefined {
    if (!fill(descriptor, head)) return undefined
    const { kind, textBytes, bodyBytes } = decodeHead(head)
    const text = Buffer.allocUnsafeSlow(textBytes)
    const body = roomFor(bodyBytes)
    if (!fill(descriptor, text) || !fill(descriptor, body)) return undefined
    return { kind, text: text.toString('utf8'), body }
  }

  function send(kind: FrameKind, value: unknown, body: Uint8Array = NOTHING): void {
    drain(descriptor, encodeHead(kind, value, body.length))
    drain(descriptor, body)
  }

  return {
    receiveJob: () => receive(roomForJob),
    send,
    readRange: (start, end) => readInParts(start, end, readPart),
    tellCost: (cost) => send(FRAME.inspected, { cost }),
    tellProgress(share) {
      const now = performance.now()
      if (now - toldAt < PROGRESS_MS) return
      toldAt = now
      send(FRAME.progress, { share: Math.min(1, Math.max(0, share)) })
    },
  }

  function readPart(start: number, end: number): Uint8Array | Failure {
    send(FRAME.read, { start, end })
    const frame = receive()
    // Without a server nobody is left to be answered.
    if (frame === undefined) process.exit(0)
    if (frame.kind !== FRAME.part) throw new Error(`frame ${frame.kind} instead of a range`)
    const { failure }: { failure?: unknown } = JSON.parse(frame.text)
    if (isFailure(failure)) return failure
    return frame.body.length === end - start
      ? frame.body
      : fail('store-unreachable', 'a range of another length')
  }
}

/** The server gives no larger part at once. */
function readInParts(
  start: number,
  end: number,
  readPart: (start: number, end: number) => Uint8Array | Failure,
): Uint8Array | Failure {
  if (end - start <= MAX_PART_BYTES) return readPart(start, end)
  const whole = Buffer.allocUnsafeSlow(end - start)
  for (let at = start; at < end; at += MAX_PART_BYTES) {
    const part = readPart(at, Math.min(end, at + MAX_PART_BYTES))
    if (isFailure(part)) return part
    whole.set(part, at - start)
  }
  return whole
}

/** As often as somebody may want to see it move. */
const PROGRESS_MS = 250

const NOTHING = new Uint8Array()
/** Most pictures are smaller. */
const REUSED_BYTES = 1024 * 1024

/** Reads until a buffer is full; false at the end of the stream. */
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

/** The descriptor blocks where Node leaves it as it was given; elsewhere it is asked again after a moment. */
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
