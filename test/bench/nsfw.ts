/**
 * Compares scans with the classifier with a plain loop over
 * onnxruntime, and measures the delay of the event loop.
 */

import './no-telemetry.ts'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { classifierOf } from '@media-proxy/origin/assembly/scan.ts'
import { modelPixels } from '@media-proxy/origin/engine/process/scan/pixels.ts'
import { toTensorData } from '@media-proxy/origin/engine/process/scan/tensor.ts'
import { MODEL_IMAGE_BYTES } from '@media-proxy/origin/engine/scan-model.ts'
import { NSFW_MODEL } from '@media-proxy/origin/paths/paths.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { pino } from 'pino'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'
import { FFMPEG, makeVideo } from '../videos.ts'
import { type BenchRow, median } from './measure.ts'

const ROUND_MS = 2000
const ROUNDS = 3
const CALLERS = 8

export async function benchNsfw(): Promise<readonly BenchRow[]> {
  const preprocessing = { layout: 'nhwc', colours: 'rgb' } as const
  const session = await InferenceSession.create(NSFW_MODEL, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  const classifier = classifierOf(
    { path: NSFW_MODEL, threads: 1, ...preprocessing },
    64,
    pino({ level: 'silent' }),
  )
  const data = new Uint8Array(640 * 480 * 3).map((_, index) => (index * 7919) % 251)
  const source = { data, width: 640, height: 480, channels: 3 } as const
  const input = new Tensor(
    'float32',
    toTensorData(new Uint8Array(MODEL_IMAGE_BYTES).fill(90), preprocessing),
    [1, 224, 224, 3],
  )
  const never = new AbortController().signal
  const scan = async () => {
    const squares = await modelPixels(source)
    const result = isFailure(squares)
      ? squares
      : await classifier.classify(squares[0] ?? new Uint8Array(), never)
    if (isFailure(result)) throw new Error(`not scanned: ${result.code} ${result.detail}`)
  }
  try {
    await classifier.loaded
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const bare: number[] = []
    const scans: number[] = []
    // The contenders alternate, so that a busy machine slows both.
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(await rate(1, () => session.run({ input })))
      delay.enable()
      scans.push(await rate(CALLERS, scan))
      delay.disable()
    }
    const videos = FFMPEG === undefined ? [] : [await benchVideos()]
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
      ...videos,
    ]
  } finally {
    await classifier.close()
    await session.release()
  }
}

/** Returns the calls per second with a number of concurrent callers. */
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

const VIDEO_SECONDS = 30
const VIDEOS = 12
const SECRET = 'a-secret-of-the-bench'

/** Measures scans of whole videos over HTTP: reading, decoding, scaling and classifying, two at a time. */
async function benchVideos(): Promise<BenchRow> {
  const service = await openFilesystemOrigin({
    MEDIA_PROXY_NSFW_ENABLED: 'true',
    MEDIA_PROXY_SECRET_KEY: SECRET,
  })
  const headers = { 'x-internal-secret': SECRET }
  const examine = async (name: string) => {
    const body = JSON.stringify({ type: 'upload', upload_filename: name })
    const { status } = await send(service.url, '/_metadata', { method: 'POST', headers, body })
    if (status !== 200) throw new Error(`a video answered ${status}`)
  }
  try {
    const coder = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '25', '-pix_fmt', 'yuv420p', '-g', '60']
    const video = await makeVideo('mp4', 'testsrc2=s=1280x720:r=30', coder, VIDEO_SECONDS)
    for (let index = 0; index < VIDEOS; index += 1) {
      // An unused box changes the content hash, so that the verdict is not cached.
      const unread = Buffer.from(`\0\0\0\x0cfree${String(index).padStart(4, '0')}`, 'latin1')
      await service.put(`video-${index}.mp4`, Buffer.concat([video, unread]), undefined, 'uploads')
    }
    await examine('video-0.mp4')
    const before = await scannedFrames(service.url, headers)
    const startedAt = performance.now()
    const names = Array.from({ length: VIDEOS - 1 }, (_, index) => `video-${index + 1}.mp4`)
    const examineNext = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) await examine(name)
    }
    await Promise.all([examineNext(), examineNext()])
    const seconds = (performance.now() - startedAt) / 1000
    const frames = (await scannedFrames(service.url, headers)) - before
    return {
      name: `scanned frames of videos of 720p, ${VIDEO_SECONDS} s long`,
      value: frames / seconds,
      unit: 'per second',
      note: `${(frames / (VIDEOS - 1)).toFixed(0)} frames of each, ${((seconds / (VIDEOS - 1)) * 1000).toFixed(0)} ms a video`,
    }
  } finally {
    await service.close()
  }
}

async function scannedFrames(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const { body } = await send(url, '/_metrics', { headers })
  return Number(/^media_proxy_nsfw_frames_total(?:\{.*\})? (\d+)/m.exec(body.toString())?.[1] ?? 0)
}
