import { describe, expect, it } from 'vitest'
import { MODEL_IMAGE_BYTES, MODEL_SIDE_PIXELS } from '../../scan-model.ts'
import { toTensorData } from './tensor.ts'

const PLANE = MODEL_SIDE_PIXELS * MODEL_SIDE_PIXELS
const [RED, GREEN, BLUE] = [255, 51, 0] as const
/** Two black images, except that the second pixel of the second one has the colour. */
const images = new Uint8Array(2 * MODEL_IMAGE_BYTES)
images.set([RED, GREEN, BLUE], MODEL_IMAGE_BYTES + 3)

describe('the tensor of the model', () => {
  it('has values from 0 to 1, with the channels last', () => {
    const data = toTensorData(images, { layout: 'nhwc', colours: 'rgb' })
    const at = MODEL_IMAGE_BYTES + 3
    expect([...data.subarray(at, at + 3)]).toEqual([1, Math.fround(0.2), 0])
    expect(data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1.2)
  })

  it('has a plane for each channel when channels come first', () => {
    const data = toTensorData(images, { layout: 'nchw', colours: 'rgb' })
    const at = MODEL_IMAGE_BYTES + 1
    expect([data[at], data[at + PLANE], data[at + 2 * PLANE]]).toEqual([1, Math.fround(0.2), 0])
  })

  it('has BGR around the means of ImageNet for models from Caffe', () => {
    const data = toTensorData(images, { layout: 'nhwc', colours: 'bgr-caffe' })
    const at = MODEL_IMAGE_BYTES + 3
    expect([...data.subarray(at, at + 3)]).toEqual(
      [BLUE - 103.939, GREEN - 116.779, RED - 123.68].map(Math.fround),
    )
    expect(data[0]).toBeCloseTo(-103.939)
  })
})
