/** Reads the TensorFlow.js graph model in the package `nsfwjs`. */

import { MobileNetV2MidModel } from 'nsfwjs/models/mobilenet_v2_mid'
import * as z from 'zod'

export interface GraphModel {
  readonly nodes: readonly GraphNode[]
  readonly weights: ReadonlyMap<string, QuantisedWeight>
}

export interface GraphNode {
  readonly name: string
  readonly op: string
  readonly inputs: readonly string[]
  readonly strides: readonly number[]
  readonly kernel: readonly number[]
  readonly padding: string
  readonly fused: readonly string[]
}

/** Each byte represents `value * scale + min`. */
export interface QuantisedWeight {
  readonly shape: readonly number[]
  readonly values: Uint8Array
  readonly min: number
  readonly scale: number
}

// Anything that the converter does not know stops it: a different model must not be converted incorrectly.
const numbers = z.object({ list: z.object({ i: z.array(z.coerce.number()) }) })
const word = z.base64().transform((value) => Buffer.from(value, 'base64').toString())
const nodeSchema = z.object({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: z.object({
    strides: numbers.optional(),
    ksize: numbers.optional(),
    padding: z.object({ s: word }).optional(),
    fused_ops: z.object({ list: z.object({ s: z.array(word) }) }).optional(),
    data_format: z.object({ s: word.pipe(z.literal('NHWC')) }).optional(),
    dilations: z.object({ list: z.object({ i: z.array(z.literal('1')) }) }).optional(),
  }),
})
const modelSchema = z.object({
  modelTopology: z.object({ node: z.array(nodeSchema) }),
  weightsManifest: z.tuple([
    z.object({
      weights: z.array(
        z.object({
          name: z.string(),
          shape: z.array(z.int().min(1)),
          dtype: z.literal('float32'),
          quantization: z.object({ min: z.number(), scale: z.number(), dtype: z.literal('uint8') }),
        }),
      ),
    }),
  ]),
})
const shardSchema = z.object({ default: z.base64() })

export async function readGraphModel(): Promise<GraphModel> {
  const bundle: unknown = await MobileNetV2MidModel.modelJson()
  const model = z.object({ default: modelSchema }).parse(bundle).default
  const [manifest] = model.weightsManifest
  const shards: Buffer[] = []
  for (const load of MobileNetV2MidModel.weightBundles)
    shards.push(Buffer.from(shardSchema.parse(await load()).default, 'base64'))
  const bytes = Buffer.concat(shards)
  const weights = new Map<string, QuantisedWeight>()
  let at = 0
  for (const { name, shape, quantization } of manifest.weights) {
    const end = at + shape.reduce((product, side) => product * side, 1)
    const { min, scale } = quantization
    weights.set(name, { shape, min, scale, values: bytes.subarray(at, end) })
    at = end
  }
  if (at !== bytes.length) throw new Error(`the weights are ${bytes.length} bytes instead of ${at}`)
  const nodes = model.modelTopology.node.map(({ name, op, input, attr }) => ({
    name,
    op,
    inputs: input,
    strides: attr.strides?.list.i ?? [],
    kernel: attr.ksize?.list.i ?? [],
    padding: attr.padding?.s ?? '',
    fused: attr.fused_ops?.list.s ?? [],
  }))
  return { nodes, weights }
}
