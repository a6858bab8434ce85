/** The thread in which files are demuxed. It knows nothing but the bytes it asks for, one file at a time. */

import { parentPort } from 'node:worker_threads'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { lowerOwnPriority, PRIORITIES } from '../../priority.ts'
import type { PacketRun } from './container.ts'
import type { FromThread, ToThread } from './demux-messages.ts'
import { demux, type OpenedFile } from './demuxer.ts'

if (parentPort === null) throw new Error('demux-thread.ts is started as a thread only')
const port = parentPort
lowerOwnPriority(PRIORITIES.scans)

let file: OpenedFile | undefined
let lastRead = 0
const waiting = new Map<number, (part: Uint8Array | Failure) => void>()

port.on('message', async (message: ToThread) => {
  switch (message.type) {
    case 'open': {
      const opened = await demux({ sizeBytes: message.sizeBytes, read }, message.format)
      if (!isFailure(opened)) file = opened
      tell({ type: 'opened', result: isFailure(opened) ? opened : opened.facts })
      return
    }
    case 'part':
      waiting.get(message.id)?.(message.part)
      waiting.delete(message.id)
      return
    case 'run': {
      const run = (await file?.readRun(message.atSeconds)) ?? fail('undecodable', 'no file is open')
      if (isFailure(run)) return tell({ type: 'run', result: run })
      const own = withOwnBytes(run)
      const buffers = own.packets.flatMap(({ data, alpha }) => [
        data.buffer as ArrayBuffer,
        ...(alpha === undefined ? [] : [alpha.buffer as ArrayBuffer]),
      ])
      return tell({ type: 'run', result: own }, buffers)
    }
    case 'close':
      file?.close()
      file = undefined
      waiting.clear()
  }
})

tell({ type: 'ready' })

function read(start: number, end: number): Promise<Uint8Array | Failure> {
  lastRead += 1
  const id = lastRead
  const { promise, resolve } = Promise.withResolvers<Uint8Array | Failure>()
  waiting.set(id, resolve)
  tell({ type: 'read', id, start, end })
  return promise
}

/** Frames are views of larger buffers of the demuxer: only their own bytes may travel. */
function withOwnBytes(run: PacketRun): PacketRun {
  return {
    ...run,
    packets: run.packets.map((frame) => ({
      ...frame,
      data: frame.data.slice(),
      alpha: frame.alpha?.slice(),
    })),
    description: run.description?.slice(),
  }
}

function tell(message: FromThread, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}
