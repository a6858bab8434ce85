/** Which model scans, and what it wants to see. */

import { join } from 'node:path'
import type { Config } from '@media-proxy/shared/config/schema.ts'

/** MobileNetV2, made by `pnpm model` (see origin/models/README.md). */
export const BUNDLED_MODEL_PATH = join(import.meta.dirname, '../../../../models/nsfw.onnx')

/** Every model of this contract looks at squares of this side. */
export const MODEL_SIDE_PIXELS = 224
/** Bytes of one picture as it goes to the classifier: RGB, row after row. */
export const MODEL_PICTURE_BYTES = MODEL_SIDE_PIXELS * MODEL_SIDE_PIXELS * 3

/** How pixels become the model's numbers. */
export interface Preprocessing {
  /** Channels last or first. */
  readonly layout: 'nhwc' | 'nchw'
  /** RGB in 0..1, or BGR in 0..255 less the means of ImageNet, as models from Caffe expect. */
  readonly colours: 'rgb' | 'bgr-caffe'
}

export interface ModelOptions extends Preprocessing {
  readonly path: string
  /** Threads of one inference. */
  readonly threads: number
}

/** The model that a configuration names. */
export function modelOf({ nsfwModelPath, nsfw }: Config): ModelOptions {
  return {
    path: nsfwModelPath ?? BUNDLED_MODEL_PATH,
    layout: nsfw.layout,
    colours: nsfw.colours,
    threads: nsfw.threads,
  }
}

/** Means of ImageNet in the order blue, green, red. */
const CAFFE_MEANS = [103.939, 116.779, 123.68] as const

/** Makes the model's numbers of any number of pictures, one after the other. */
export function toTensorData(pictures: Uint8Array, { layout, colours }: Preprocessing): Float32Array {
  const data = new Float32Array(pictures.length)
  const pixels = MODEL_SIDE_PIXELS * MODEL_SIDE_PIXELS
  const caffe = colours === 'bgr-caffe'
  const [pixelStep, channelStep] = layout === 'nhwc' ? [3, 1] : [1, pixels]
  for (let start = 0; start < pictures.length; start += MODEL_PICTURE_BYTES) {
    for (let channel = 0; channel < 3; channel += 1) {
      const source = start + (caffe ? 2 - channel : channel)
      const target = start + channel * channelStep
      const mean = caffe ? (CAFFE_MEANS[channel] ?? 0) : 0
      const range = caffe ? 1 : 255
      for (let pixel = 0; pixel < pixels; pixel += 1) {
        const value = pictures[source + pixel * 3] ?? 0
        data[target + pixel * pixelStep] = (value - mean) / range
      }
    }
  }
  return data
}
