/**
 * Converts the TensorFlow.js graph of MobileNetV2 to ONNX, with the contract of the models that deployments
 * provide: `input` [N,224,224,3] float32 0..1 RGB, `prediction` [N,5].
 *
 * TensorFlow computes in NHWC and stores weights as HWIO, ONNX uses NCHW and OIHW. The input is transposed
 * once in the model, and the weights are transposed here. The weights stay bytes in the file, a quarter of
 * their size as floats, and become floats when the model is loaded. That costs nothing at run time and loses
 * nothing against the original.
 */

import type { GraphModel, GraphNode, QuantisedWeight } from './graph-model.ts'
import { encodeModel, type Operation, type Tensor } from './onnx.ts'

const SIDE_PIXELS = 224
const CLASSES = 5
const ELEMENT_FLOAT = 1

/** The output of a graph node: its name in the model, and the side of its feature map in pixels. */
interface Value {
  readonly name: string
  readonly sidePixels: number
}

/** Builds the ONNX file. Throws on anything in the graph that it would have to guess. */
export function convert({ nodes, weights }: GraphModel): Uint8Array {
  const constants: Tensor[] = [
    { name: 'relu/min', shape: [], data: Float32Array.of(0) },
    { name: 'relu/max', shape: [], data: Float32Array.of(6) },
    { name: 'squeeze/axes', shape: [2], data: BigInt64Array.of(2n, 3n) },
  ]
  const operations: Operation[] = [
    { type: 'Transpose', inputs: ['input'], output: 'pixels', attributes: { perm: [0, 3, 1, 2] } },
  ]
  const values = new Map<string, Value>()

  function add(operation: Operation): string {
    operations.push(operation)
    return operation.output
  }

  function addWeight(output: string, { shape, values: data, scale, min }: QuantisedWeight): string {
    constants.push(
      { name: `${output}/bytes`, shape, data },
      { name: `${output}/scale`, shape: [], data: Float32Array.of(scale) },
      { name: `${output}/min`, shape: [], data: Float32Array.of(min) },
    )
    const to = { to: ELEMENT_FLOAT }
    const levels = add({ type: 'Cast', inputs: [`${output}/bytes`], output: `${output}/f`, attributes: to })
    const scaled = add({ type: 'Mul', inputs: [levels, `${output}/scale`], output: `${output}/scaled` })
    return add({ type: 'Add', inputs: [scaled, `${output}/min`], output })
  }

  function addConvolution(node: GraphNode, output: string): Value {
    const [data, kernel, bias] = node.inputs
    const source = computed(data)
    const depthwise = node.op === 'FusedDepthwiseConv2dNative'
    const weight = weightOf(kernel)
    const [rows = 0, columns = 0] = weight.shape
    const [, stride = 0, strideAcross = 0] = node.strides
    const relu = node.fused.join() === 'BiasAdd,Relu6'
    if (rows !== columns || stride !== strideAcross || node.padding !== 'SAME')
      throw new Error(`${node.name} has an unknown shape`)
    if (!relu && node.fused.join() !== 'BiasAdd') throw new Error(`${node.name} has unknown fused operations`)
    const oihw = transpose(weight, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1])
    const sidePixels = Math.ceil(source.sidePixels / stride)
    const name = add({
      type: 'Conv',
      inputs: [source.name, addWeight(`${output}/weight`, oihw), addWeight(`${output}/bias`, weightOf(bias))],
      output: relu ? `${output}/linear` : output,
      attributes: {
        kernel_shape: [rows, rows],
        strides: [stride, stride],
        pads: samePadding(source.sidePixels, sidePixels, stride, rows),
        group: depthwise ? (oihw.shape[0] ?? 0) : 1,
      },
    })
    if (relu) add({ type: 'Clip', inputs: [name, 'relu/min', 'relu/max'], output })
    return { name: output, sidePixels }
  }

  function addNode(node: GraphNode, output: string): Value {
    const [first, second, third] = node.inputs
    switch (node.op) {
      case 'Placeholder':
        return { name: 'pixels', sidePixels: SIDE_PIXELS }
      case 'Const':
        return { name: addWeight(output, weightOf(node.name)), sidePixels: 1 }
      case 'Mul':
      case 'Sub':
      case 'AddV2': {
        const operands = [computed(first), computed(second)]
        const type = node.op === 'AddV2' ? 'Add' : node.op
        const name = add({ type, inputs: operands.map((operand) => operand.name), output })
        return { name, sidePixels: Math.max(...operands.map((operand) => operand.sidePixels)) }
      }
      case '_FusedConv2D':
      case 'FusedDepthwiseConv2dNative':
        return addConvolution(node, output)
      case 'AvgPool': {
        const source = computed(first)
        if (
          node.kernel.join() !== `1,${source.sidePixels},${source.sidePixels},1` ||
          node.padding !== 'VALID'
        )
          throw new Error(`${node.name} does not average the whole picture`)
        return { name: add({ type: 'GlobalAveragePool', inputs: [source.name], output }), sidePixels: 1 }
      }
      case 'Squeeze':
        return {
          name: add({ type: 'Squeeze', inputs: [computed(first).name, 'squeeze/axes'], output }),
          sidePixels: 1,
        }
      case '_FusedMatMul': {
        const inputs = [computed(first), computed(second), computed(third)].map((value) => value.name)
        return { name: add({ type: 'Gemm', inputs, output }), sidePixels: 1 }
      }
      case 'Softmax':
        return {
          name: add({ type: 'Softmax', inputs: [computed(first).name], output: 'prediction' }),
          sidePixels: 1,
        }
      case 'Identity':
        return computed(first)
      default:
        throw new Error(`${node.name} is an unknown ${node.op}`)
    }
  }

  function computed(name = ''): Value {
    const value = values.get(name)
    if (value === undefined) throw new Error(`nothing computes ${name}`)
    return value
  }

  function weightOf(name = ''): QuantisedWeight {
    const weight = weights.get(name)
    if (weight === undefined) throw new Error(`there is no weight ${name}`)
    return weight
  }

  const nodesByName = new Map(nodes.map((node) => [node.name, node]))
  const convolutionWeights = new Set(
    nodes.filter((node) => /Conv/.test(node.op)).flatMap((node) => node.inputs.slice(1)),
  )

  /** Computes a node after its inputs, because the nodes of the graph are not in order of use. */
  function compute(name: string): void {
    // The weights of convolutions are transposed where they
    // are used. `^` marks a control dependency, not data.
    if (values.has(name) || convolutionWeights.has(name) || name.startsWith('^')) return
    const node = nodesByName.get(name)
    if (node === undefined) throw new Error(`there is no node ${name}`)
    for (const input of node.inputs) compute(input)
    values.set(name, addNode(node, `v${values.size}`))
  }

  compute('Identity')
  return encodeModel({
    name: 'nsfw',
    documentation:
      'MobileNetV2 of nsfwjs 4.4.0 (MIT, Infinite Red, Inc.): drawing, hentai, neutral, porn, sexy',
    input: { name: 'input', shape: ['N', SIDE_PIXELS, SIDE_PIXELS, 3] },
    output: { name: 'prediction', shape: ['N', CLASSES] },
    constants,
    operations,
  })
}

/**
 * Returns the SAME padding of TensorFlow: the padding is split between both sides, with the odd pixel at the
 * end (top, left, bottom, right).
 */
function samePadding(input: number, output: number, stride: number, kernel: number): readonly number[] {
  const missing = Math.max(0, (output - 1) * stride + kernel - input)
  const start = Math.floor(missing / 2)
  return [start, start, missing - start, missing - start]
}

/** Reorders a weight with four axes. `axes` lists for each axis of the result the axis that it comes from. */
function transpose(weight: QuantisedWeight, axes: readonly number[]): QuantisedWeight {
  const strides = weight.shape.map((_, axis) => weight.shape.slice(axis + 1).reduce((a, b) => a * b, 1))
  const shape = axes.map((axis) => weight.shape[axis] ?? 0)
  const [a = 0, b = 0, c = 0, d = 0] = shape
  const [strideA = 0, strideB = 0, strideC = 0, strideD = 0] = axes.map((axis) => strides[axis] ?? 0)
  const values = new Uint8Array(weight.values.length)
  let at = 0
  for (let i = 0; i < a; i += 1)
    for (let j = 0; j < b; j += 1)
      for (let k = 0; k < c; k += 1)
        for (let l = 0; l < d; l += 1) {
          values[at] = weight.values[i * strideA + j * strideB + k * strideC + l * strideD] ?? 0
          at += 1
        }
  return { ...weight, shape, values }
}
