/**
 * Stands in for the scanning thread where a fault has to be forced: the first byte of a picture says what it
 * does with the batch. Any other byte is answered as neutral.
 */

import { parentPort } from 'node:worker_threads'
import { MODEL_PICTURE_BYTES } from '@media-proxy/origin/engine/process/scan/model.ts'

export const ENDS = 1
export const THROWS = 2
export const NEVER_ANSWERS = 3
export const CANNOT_SCAN = 4

parentPort?.on('message', (pictures: Uint8Array) => {
  switch (pictures[0]) {
    case ENDS:
      process.exit(7)
      break
    case THROWS:
      throw new Error('thrown on purpose')
    case NEVER_ANSWERS:
      break
    case CANNOT_SCAN:
      parentPort?.postMessage({ kind: 'failed', detail: 'failed on purpose' })
      break
    default: {
      const count = pictures.length / MODEL_PICTURE_BYTES
      const predictions = Float32Array.from({ length: count * 5 }, (_, index) => (index % 5 === 2 ? 1 : 0))
      parentPort?.postMessage({ kind: 'scanned', predictions })
    }
  }
})
parentPort?.postMessage({ kind: 'loaded' })
