import { MODEL_IMAGE_BYTES, MODEL_SIDE_PIXELS, type Preprocessing } from '../../scan-model.ts'

/** The means of ImageNet, in the order blue, green, red. */
const CAFFE_MEANS = [103.939, 116.779, 123.68] as const

/** Converts any number of concatenated images to the model's input values. */
export function toTensorData(images: Uint8Array, { layout, colours }: Preprocessing): Float32Array {
  const data = new Float32Array(images.length)
  const pixels = MODEL_SIDE_PIXELS * MODEL_SIDE_PIXELS
  const caffe = colours === 'bgr-caffe'
  const [pixelStep, channelStep] = layout === 'nhwc' ? [3, 1] : [1, pixels]
  for (let start = 0; start < images.length; start += MODEL_IMAGE_BYTES) {
    for (let channel = 0; channel < 3; channel += 1) {
      const source = start + (caffe ? 2 - channel : channel)
      const target = start + channel * channelStep
      const mean = caffe ? (CAFFE_MEANS[channel] ?? 0) : 0
      const range = caffe ? 1 : 255
      for (let pixel = 0; pixel < pixels; pixel += 1) {
        const value = images[source + pixel * 3] ?? 0
        data[target + pixel * pixelStep] = (value - mean) / range
      }
    }
  }
  return data
}
