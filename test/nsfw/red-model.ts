/**
 * A model that measures red: `porn` is how much more red there is than green and blue, the rest is neutral.
 */

import { encodeModel } from '@media-proxy/scripts/nsfw-model/onnx.ts'

/** The rows are red, green and blue, the columns are the five classes. */
const WEIGHTS = [
  [0, 0, 0, 1, 0],
  [0, 0, 0, -1, 0],
  [0, 0, 0, -1, 0],
].flat()

/** Returns the bytes of the model, for RGB images with the channels last. */
export function redModel(): Uint8Array {
  return encodeModel({
    name: 'counts red',
    documentation: '',
    input: { name: 'input', shape: ['N', 224, 224, 3] },
    output: { name: 'prediction', shape: ['N', 5] },
    constants: [
      { name: 'weights', shape: [3, 5], data: Float32Array.from(WEIGHTS) },
      { name: 'bias', shape: [5], data: new Float32Array(5) },
    ],
    operations: [
      { type: 'Transpose', inputs: ['input'], output: 'planes', attributes: { perm: [0, 3, 1, 2] } },
      { type: 'GlobalAveragePool', inputs: ['planes'], output: 'means' },
      { type: 'Flatten', inputs: ['means'], output: 'flat' },
      { type: 'Gemm', inputs: ['flat', 'weights', 'bias'], output: 'redness' },
      { type: 'Relu', inputs: ['redness'], output: 'prediction' },
    ],
  })
}
