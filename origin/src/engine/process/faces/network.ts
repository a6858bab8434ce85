/**
 * Runs a small convolutional network on rows, columns and channels of 32-bit floats. Its twenty-five million
 * multiplications take about 40 ms, so that onnxruntime need not be loaded in the processes that render
 * images.
 */

import type { Graph, Step, Tensor } from './graph.ts'

/** Runs a graph. Returns the values of its outputs, in the graph's order. */
export function runGraph(graph: Graph, input: Float32Array): readonly Float32Array[] {
  const values: (Float32Array | undefined)[] = graph.tensors.map((tensor) => tensor.values)
  values[graph.input] = input
  const layerOf = (index: number): Layer => {
    const [, height = 1, width = 1, channels = 1] = graph.tensors[index]?.shape ?? []
    return { values: values[index] ?? EMPTY, height, width, channels }
  }
  for (const step of graph.steps) {
    const inputs = step.inputs.map(layerOf)
    values[step.output] = runStep(step, inputs, layerOf(step.output), graph.tensors)
  }
  return graph.outputs.map((index) => values[index] ?? EMPTY)
}

interface Layer {
  readonly values: Float32Array
  readonly height: number
  readonly width: number
  readonly channels: number
}

const EMPTY = new Float32Array(0)

function runStep(
  { kind, stride, inputs }: Step,
  layers: readonly Layer[],
  output: Layer,
  tensors: readonly Tensor[],
): Float32Array {
  const [first, second, third] = layers
  if (first === undefined) throw new RangeError('a step without input')
  const weights = () => {
    if (second === undefined || third === undefined) throw new RangeError(`${kind} without weights`)
    const [, rows = 1, columns = 1] = tensors[inputs[1] ?? -1]?.shape ?? []
    return { values: second.values, bias: third.values, rows, columns }
  }
  switch (kind) {
    case 'convolution':
      return convolve(first, output, weights(), stride)
    case 'depthwise':
      return convolveDepthwise(first, output, weights(), stride)
    case 'add':
      return add(first.values, second?.values ?? EMPTY)
    case 'relu':
      return relu(first.values)
    case 'pad':
      return padChannels(first, output)
    case 'pool':
      return pool(first, output, stride)
    case 'reshape':
      return first.values
    case 'concatenate':
      return concatenate(layers.map(({ values }) => values))
  }
}

// These are loops, because `map` allocates a number object for each value.

function add(values: Float32Array, others: Float32Array): Float32Array {
  const sums = new Float32Array(values.length)
  for (let at = 0; at < sums.length; at += 1) sums[at] = (values[at] ?? 0) + (others[at] ?? 0)
  return sums
}

function relu(values: Float32Array): Float32Array {
  const positive = new Float32Array(values.length)
  for (let at = 0; at < positive.length; at += 1) positive[at] = Math.max(0, values[at] ?? 0)
  return positive
}

interface Weights {
  readonly values: Float32Array
  readonly bias: Float32Array
  readonly rows: number
  readonly columns: number
}

/** Returns the padding before the first position (`SAME` in TensorFlow). */
function before(output: number, stride: number, size: number, input: number): number {
  return Math.max(0, (output - 1) * stride + size - input) >> 1
}

function convolve(
  input: Layer,
  output: Layer,
  { values, bias, rows, columns }: Weights,
  stride: number,
): Float32Array {
  const result = new Float32Array(output.height * output.width * output.channels)
  const top = before(output.height, stride, rows, input.height)
  const left = before(output.width, stride, columns, input.width)
  const { channels } = input
  const filter = rows * columns * channels
  let at = 0
  for (let y = 0; y < output.height; y += 1)
    for (let x = 0; x < output.width; x += 1)
      for (let out = 0; out < output.channels; out += 1) {
        let sum = bias[out] ?? 0
        for (let row = 0; row < rows; row += 1) {
          const from = y * stride + row - top
          if (from < 0 || from >= input.height) continue
          for (let column = 0; column < columns; column += 1) {
            const across = x * stride + column - left
            if (across < 0 || across >= input.width) continue
            const pixel = (from * input.width + across) * channels
            const weight = out * filter + (row * columns + column) * channels
            for (let channel = 0; channel < channels; channel += 1)
              sum += (input.values[pixel + channel] ?? 0) * (values[weight + channel] ?? 0)
          }
        }
        result[at] = sum
        at += 1
      }
  return result
}

function convolveDepthwise(
  input: Layer,
  output: Layer,
  { values, bias, rows, columns }: Weights,
  stride: number,
): Float32Array {
  const result = new Float32Array(output.height * output.width * output.channels)
  const top = before(output.height, stride, rows, input.height)
  const left = before(output.width, stride, columns, input.width)
  const { channels } = input
  for (let y = 0; y < output.height; y += 1)
    for (let x = 0; x < output.width; x += 1) {
      const at = (y * output.width + x) * channels
      result.set(bias, at)
      for (let row = 0; row < rows; row += 1) {
        const from = y * stride + row - top
        if (from < 0 || from >= input.height) continue
        for (let column = 0; column < columns; column += 1) {
          const across = x * stride + column - left
          if (across < 0 || across >= input.width) continue
          const pixel = (from * input.width + across) * channels
          const weight = (row * columns + column) * channels
          for (let channel = 0; channel < channels; channel += 1)
            result[at + channel] =
              (result[at + channel] ?? 0) +
              (input.values[pixel + channel] ?? 0) * (values[weight + channel] ?? 0)
        }
      }
    }
  return result
}

/** Appends channels of zeros. */
function padChannels(input: Layer, output: Layer): Float32Array {
  const result = new Float32Array(output.height * output.width * output.channels)
  for (let pixel = 0; pixel < output.height * output.width; pixel += 1)
    result.set(
      input.values.subarray(pixel * input.channels, (pixel + 1) * input.channels),
      pixel * output.channels,
    )
  return result
}

/** Returns the maximum of each of adjacent squares. */
function pool(input: Layer, output: Layer, size: number): Float32Array {
  const { channels } = input
  const result = new Float32Array(output.height * output.width * channels).fill(Number.NEGATIVE_INFINITY)
  for (let y = 0; y < output.height * size; y += 1)
    for (let x = 0; x < output.width * size; x += 1) {
      const at = (Math.floor(y / size) * output.width + Math.floor(x / size)) * channels
      const pixel = (y * input.width + x) * channels
      for (let channel = 0; channel < channels; channel += 1)
        result[at + channel] = Math.max(result[at + channel] ?? 0, input.values[pixel + channel] ?? 0)
    }
  return result
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}
