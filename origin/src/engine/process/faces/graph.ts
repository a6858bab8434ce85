/**
 * Reads a network in TensorFlow Lite's format: FlatBuffers tables (tensorflow/lite/schema/schema.fbs, version
 * 3). Only the parts that the bundled detector needs are read. The file is part of the service and is
 * trusted.
 */

export interface Tensor {
  readonly shape: readonly number[]
  /** The weights. Undefined for computed tensors. */
  readonly values: Float32Array | undefined
}

export interface Step {
  readonly kind: StepKind
  readonly inputs: readonly number[]
  readonly output: number
  /** The distance between two positions, in pixels. */
  readonly stride: number
}

export type StepKind =
  | 'convolution'
  | 'depthwise'
  | 'add'
  | 'relu'
  | 'pad'
  | 'pool'
  | 'reshape'
  | 'concatenate'

export interface Graph {
  readonly tensors: readonly Tensor[]
  readonly steps: readonly Step[]
  readonly input: number
  readonly outputs: readonly number[]
}

/** The numbers of the schema's `BuiltinOperator`. */
const STEP_KINDS: Readonly<Record<number, StepKind>> = {
  0: 'add',
  2: 'concatenate',
  3: 'convolution',
  4: 'depthwise',
  17: 'pool',
  19: 'relu',
  22: 'reshape',
  34: 'pad',
}
const DEQUANTIZE = 6
const FLOAT16 = 1

/** Reads a network. Throws a `RangeError` on an operator that is not supported. */
export function readGraph(file: Uint8Array): Graph {
  const reader = createReader(file)
  const model = reader.root
  const codes = reader.tables(model, 1).map((code) => Math.max(reader.int8(code, 0), reader.int32(code, 3)))
  const [subgraph = 0] = reader.tables(model, 2)
  const buffers = reader.tables(model, 4)
  const stored = reader.tables(subgraph, 0).map((table) => {
    const [start, length] = reader.vector(buffers[reader.int32(table, 2)] ?? 0, 0)
    const isHalf = reader.int8(table, 1) === FLOAT16
    return {
      shape: reader.ints(table, 0),
      values: length === 0 || !isHalf ? undefined : halves(file.subarray(start, start + length)),
    }
  })
  const tensors: Tensor[] = [...stored]
  const steps: Step[] = []
  for (const operator of reader.tables(subgraph, 3)) {
    const code = codes[reader.int32(operator, 0)] ?? -1
    const inputs = reader.ints(operator, 1)
    const [output = 0] = reader.ints(operator, 2)
    if (code === DEQUANTIZE) {
      tensors[output] = { shape: tensors[output]?.shape ?? [], values: stored[inputs[0] ?? -1]?.values }
      continue
    }
    const kind = STEP_KINDS[code]
    if (kind === undefined) throw new RangeError(`operator ${code}`)
    const options = reader.table(operator, 4)
    const hasStride = kind === 'convolution' || kind === 'depthwise' || kind === 'pool'
    steps.push({ kind, inputs, output, stride: hasStride ? reader.int32(options, 1) : 1 })
  }
  const [input = 0] = reader.ints(subgraph, 1)
  return { tensors, steps, input, outputs: reader.ints(subgraph, 2) }
}

/**
 * Creates a reader of FlatBuffers. Positions are stored as offsets from their own location. A missing field
 * has its default value, which is 0 for all fields read here.
 */
function createReader(file: Uint8Array) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const follow = (at: number) => at + view.getUint32(at, true)
  const fieldAt = (table: number, field: number) => {
    const entries = table - view.getInt32(table, true)
    const entry = 4 + 2 * field
    const offset = entry < view.getUint16(entries, true) ? view.getUint16(entries + entry, true) : 0
    return offset === 0 ? undefined : table + offset
  }
  const vector = (table: number, field: number): readonly [start: number, length: number] => {
    const at = fieldAt(table, field)
    if (at === undefined) return [0, 0]
    const start = follow(at)
    return [start + 4, view.getUint32(start, true)]
  }
  const elements = <T>(table: number, field: number, read: (at: number) => T): readonly T[] => {
    const [start, length] = vector(table, field)
    return Array.from({ length }, (_, index) => read(start + 4 * index))
  }
  const scalar = (table: number, field: number, read: (at: number) => number) => {
    const at = fieldAt(table, field)
    return at === undefined ? 0 : read(at)
  }
  return {
    root: follow(0),
    vector,
    tables: (table: number, field: number) => elements(table, field, follow),
    ints: (table: number, field: number) => elements(table, field, (at) => view.getInt32(at, true)),
    table: (table: number, field: number) => scalar(table, field, follow),
    int32: (table: number, field: number) => scalar(table, field, (at) => view.getInt32(at, true)),
    int8: (table: number, field: number) => scalar(table, field, (at) => view.getInt8(at)),
  }
}

/** Decodes IEEE 754 binary16, little-endian. */
function halves(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = new Float32Array(bytes.length / 2)
  for (let at = 0; at < values.length; at += 1) values[at] = halfOf(view.getUint16(2 * at, true))
  return values
}

function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
