/** The scan model. It is loaded once per process, because creating new sessions leaks memory. */

import { InferenceSession, Tensor } from 'onnxruntime-node'
import { CLASSES, MODEL_IMAGE_BYTES, MODEL_SIDE_PIXELS, type ModelOptions } from '../../scan-model.ts'
import { toTensorData } from './tensor.ts'

/** Runs the model. Returns the class probabilities of all images, concatenated. */
export type Scan = (images: Uint8Array) => Promise<Float32Array>

const INPUT = 'input'
const OUTPUT = 'prediction'

/**
 * Loads a model. Throws an `Error` with the reason when it cannot be used, also when it expects other input.
 */
export async function loadScan(options: ModelOptions): Promise<Scan> {
  const session = await InferenceSession.create(options.path, {
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    // Spinning threads would take a processor from the renders.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 4,
  })
  const input = session.inputMetadata.find(({ name }) => name === INPUT)
  if (!input?.isTensor || !session.outputNames.includes(OUTPUT)) {
    const found = `${session.inputNames.join(', ')} -> ${session.outputNames.join(', ')}`
    throw new Error(`the model has to be ${INPUT} -> ${OUTPUT}, this one is ${found}`)
  }
  const side = MODEL_SIDE_PIXELS
  const imageShape = options.layout === 'nhwc' ? [side, side, 3] : [3, side, side]

  async function run(images: Uint8Array): Promise<Float32Array> {
    const count = images.length / MODEL_IMAGE_BYTES
    const tensor = new Tensor('float32', toTensorData(images, options), [count, ...imageShape])
    const { [OUTPUT]: output } = await session.run({ [INPUT]: tensor })
    const data = output?.data
    if (!(data instanceof Float32Array) || data.length !== count * CLASSES.length)
      throw new Error(`${OUTPUT} is ${output?.type} of ${output?.dims.join('x')}`)
    if (!data.every((value) => value >= 0 && value <= MAX_PROBABILITY))
      throw new Error(`${OUTPUT} is no probability`)
    return data.map((value) => Math.min(1, value))
  }

  // Many exported models accept one image at a time.
  const scan = input.shape[0] === 1 ? withoutBatches(run) : run
  // A model that loads but expects other input fails here instead of at the first upload.
  await scan(new Uint8Array(MODEL_IMAGE_BYTES))
  return scan
}

/** A softmax may exceed 1 by a rounding error. */
const MAX_PROBABILITY = 1.001

function withoutBatches(run: Scan): Scan {
  return async (images) => {
    const all: number[] = []
    for (let at = 0; at < images.length; at += MODEL_IMAGE_BYTES)
      all.push(...(await run(images.subarray(at, at + MODEL_IMAGE_BYTES))))
    return Float32Array.from(all)
  }
}
