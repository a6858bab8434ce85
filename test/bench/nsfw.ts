/** Scans through the classifier against a bare loop over onnxruntime, and what they do to the event loop. */

import './no-telemetry.ts'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { classifierOf } from '@media-proxy/origin/assembly/scan.ts'
import { modelPixels } from '@media-proxy/origin/engine/process/scan/pixels.ts'
import { toTensorData } from '@media-proxy/origin/engine/process/scan/tensor.ts'
import { MODEL_PICTURE_BYTES } from '@media-proxy/origin/engine/scan-model.ts'
import { BUNDLED_MODEL_PATH } from '@media-proxy/origin/nsfw/model.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { pino } from 'pino'
import { type BenchRow, median } from './measure.ts'

const ROUND_MS = 2000
const ROUNDS = 3
const CALLERS = 8

export async function benchNsfw(): Promise<readonly BenchRow[]> {
  const preprocessing = { layout: 'nhwc', colours: 'rgb' } as const
  const session = await InferenceSession.create(BUNDLED_MODEL_PATH, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  const classifier = classifierOf(
    { path: BUNDLED_MODEL_PATH, threads: 1, ...preprocessing },
    64,
    pino({ level: 'silent' }),
  )
  const data = new Uint8Array(640 * 480 * 3).map((_, index) => (index * 7919) % 251)
  const source = { data, width: 640, height: 480, channels: 3 } as const
  const input = new Tensor(
    'float32',
    toTensorData(new Uint8Array(MODEL_PICTURE_BYTES).fill(90), preprocessing),
    [1, 224, 224, 3],
  )
  const never = new AbortController().signal
  const scan = async () => {
    const pixels = await modelPixels(source)
    const result = isFailure(pixels) ? pixels : await classifier.classify(pixels, never)
    if (isFailure(result)) throw new Error(`not scanned: ${result.code} ${result.detail}`)
  }
  try {
    await classifier.loaded
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const bare: number[] = []
    const scans: number[] = []
    // In turns, so that a busy machine slows both alike.
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(await rate(1, () => session.run({ input })))
      delay.enable()
      scans.push(await rate(CALLERS, scan))
      delay.disable()
    }
    const barePerSecond = median(bare)
    const scansPerSecond = median(scans)
    return [
      {
        name: 'scans: the classifier to a bare onnxruntime loop',
        value: scansPerSecond / barePerSecond,
        unit: 'times',
        target: { atLeast: 0.85 },
        note: `${scansPerSecond.toFixed(1)} to ${barePerSecond.toFixed(1)} per second`,
      },
      {
        name: 'scans at full load: event-loop delay, p99',
        value: delay.percentile(99) / 1e6,
        unit: 'ms',
        target: { atMost: 20 },
      },
    ]
  } finally {
    await classifier.close()
    await session.release()
  }
}

/** Calls per second with so many callers, each of which calls again when it is answered. */
async function rate(callers: number, call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  let calls = 0
  const caller = async () => {
    while (performance.now() - startedAt < ROUND_MS) {
      await call()
      calls += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return calls / ((performance.now() - startedAt) / 1000)
}
