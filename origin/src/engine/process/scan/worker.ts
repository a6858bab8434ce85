/**
 * The thread that scans. `run()` of onnxruntime blocks the event loop it is called on for the whole inference,
 * so that loop has to be one that nobody waits for. One session lives as long as the thread: made anew it leaks.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { CLASSES } from '../../../nsfw/score.ts'
import { lowerOwnPriority, PRIORITIES } from '../../priority.ts'
import { MODEL_PICTURE_BYTES, MODEL_SIDE_PIXELS, type ModelOptions, toTensorData } from './model.ts'

/** Pictures of `MODEL_PICTURE_BYTES`, one after the other. */
export type WorkerRequest = Uint8Array

export type WorkerReply =
  | { readonly kind: 'loaded' }
  /** The model cannot be used; the thread ends. */
  | { readonly kind: 'unusable'; readonly detail: string }
  /** The classes of every picture, one after the other. */
  | { readonly kind: 'scanned'; readonly predictions: Float32Array }
  | { readonly kind: 'failed'; readonly detail: string }

const INPUT = 'input'
const OUTPUT = 'prediction'

type Scan = (pictures: WorkerRequest) => Promise<Float32Array>

async function load(options: ModelOptions): Promise<Scan> {
  const session = await InferenceSession.create(options.path, {
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    // Waiting threads that spin would take a processor from the renders.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 4,
  })
  const input = session.inputMetadata.find(({ name }) => name === INPUT)
  if (!input?.isTensor || !session.outputNames.includes(OUTPUT)) {
    const found = `${session.inputNames.join(', ')} -> ${session.outputNames.join(', ')}`
    throw new Error(`the model has to be ${INPUT} -> ${OUTPUT}, this one is ${found}`)
  }
  const side = MODEL_SIDE_PIXELS
  const pictureShape = options.layout === 'nhwc' ? [side, side, 3] : [3, side, side]

  async function run(pictures: WorkerRequest): Promise<Float32Array> {
    const count = pictures.length / MODEL_PICTURE_BYTES
    const tensor = new Tensor('float32', toTensorData(pictures, options), [count, ...pictureShape])
    const { [OUTPUT]: output } = await session.run({ [INPUT]: tensor })
    const data = output?.data
    if (!(data instanceof Float32Array) || data.length !== count * CLASSES.length)
      throw new Error(`${OUTPUT} is ${output?.type} of ${output?.dims.join('x')}`)
    if (!data.every((value) => value >= 0 && value <= MAX_PROBABILITY))
      throw new Error(`${OUTPUT} is no probability`)
    return data
  }

  // Many exported models take one picture at a time.
  return input.shape[0] === 1 ? oneByOne(run) : run
}

/** A softmax may end a rounding error above 1. */
const MAX_PROBABILITY = 1.001

function oneByOne(run: Scan): Scan {
  return async (pictures) => {
    const all: number[] = []
    for (let at = 0; at < pictures.length; at += MODEL_PICTURE_BYTES)
      all.push(...(await run(pictures.subarray(at, at + MODEL_PICTURE_BYTES))))
    return Float32Array.from(all)
  }
}

function reply(message: WorkerReply): void {
  parentPort?.postMessage(message)
}

function words(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1).join('').slice(0, 300)
}

lowerOwnPriority(PRIORITIES.scans)
try {
  const options: ModelOptions = workerData
  const scan = await load(options)
  // A model that loads but wants other input fails here, at the start, and not at the first upload.
  await scan(new Uint8Array(MODEL_PICTURE_BYTES))
  // One after the other: whoever asks counts on answers in the order of the questions.
  let last: Promise<void> = Promise.resolve()
  parentPort?.on('message', (pictures: WorkerRequest) => {
    last = last
      .then(() => scan(pictures))
      .then((predictions) => reply({ kind: 'scanned', predictions }))
      .catch((error: unknown) => reply({ kind: 'failed', detail: words(error) }))
  })
  reply({ kind: 'loaded' })
} catch (error) {
  reply({ kind: 'unusable', detail: words(error) })
}
