/**
 * Replaces the scanning process in tests that need a fault. The first byte of an image selects what it does
 * with the batch. It classifies any other image as neutral.
 */

import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startEngineProcess } from '@media-proxy/origin/engine/engine-process.ts'
import { openChannel } from '@media-proxy/origin/engine/process/channel.ts'
import { MESSAGE } from '@media-proxy/origin/engine/protocol.ts'
import { MODEL_IMAGE_BYTES } from '@media-proxy/origin/engine/scan-model.ts'
import { fail } from '@media-proxy/shared/response/failure.ts'

export const ENDS = 1
export const THROWS = 2
export const NEVER_ANSWERS = 3
export const CANNOT_SCAN = 4

const GATE_MS = 5
const SCRIPT = fileURLToPath(import.meta.url)

/**
 * Starts this script as an engine process, or Node with other arguments. It becomes ready once the file
 * `gate` no longer exists.
 */
export function startFaultyProcess({ gate, args }: { gate?: string; args?: readonly string[] } = {}) {
  return startEngineProcess({
    args: args ?? [SCRIPT, ...(gate === undefined ? [] : [gate])],
    sandbox: {
      jobMemoryBytes: 2 ** 30,
      fileBytes: 0,
      niceness: 0,
      isolation: { network: 'shared', command: [] },
    },
  })
}

if (process.argv[1] === SCRIPT) await work()

async function work(): Promise<void> {
  process.title = 'media-proxy engine'
  const channel = openChannel(3)
  const gate = process.argv[2]
  while (gate !== undefined && existsSync(gate)) await setTimeout(GATE_MS)
  channel.send(MESSAGE.ready, { renderer: '', libav: null, cpuSeconds: 0 })
  for (let message = channel.receiveJob(); message !== undefined; message = channel.receiveJob()) {
    if (message.kind === MESSAGE.releaseMemory) continue
    const done = (result: unknown) => channel.send(MESSAGE.done, { cpuSeconds: 0, idleCpuSeconds: 0, result })
    const { body } = message
    switch (body[0]) {
      case ENDS:
        process.exit(7)
        break
      case THROWS:
        throw new Error('thrown on purpose')
      case NEVER_ANSWERS:
        await new Promise(() => setInterval(() => undefined, 1000))
        break
      case CANNOT_SCAN:
        done(fail('scan-failed', 'failed on purpose'))
        break
      default: {
        const count = body.length / MODEL_IMAGE_BYTES
        const predictions = Array.from({ length: count * 5 }, (_, index) => (index % 5 === 2 ? 1 : 0))
        done({ kind: 'scanned', predictions })
      }
    }
  }
}
