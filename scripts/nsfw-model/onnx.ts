/**
 * Writes ONNX models: the few messages of onnx.proto3 that a small network needs, in the wire format of
 * protobuf (a key of field number and wire type, then a varint, four bytes, or a length and bytes).
 */

/** A constant. The data are in row-major order and little-endian, as on all machines on which this runs. */
export interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | Uint8Array | BigInt64Array
}

export interface Operation {
  readonly type: string
  readonly inputs: readonly string[]
  readonly output: string
  /** Only integers and lists of integers are needed here. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>
}

/** A float32 input or output. A name instead of a number is a variable dimension. */
export interface Port {
  readonly name: string
  readonly shape: readonly (number | string)[]
}

export interface Model {
  readonly name: string
  readonly documentation: string
  readonly input: Port
  readonly output: Port
  readonly constants: readonly Tensor[]
  /** In topological order: each operation uses only results of earlier ones. */
  readonly operations: readonly Operation[]
}

/** Supported by all runtimes since ONNX 1.8 (2020). */
const IR_VERSION = 7
const OPERATOR_SET_VERSION = 13

const ELEMENT_FLOAT = 1
const ELEMENT_UINT8 = 2
const ELEMENT_INT64 = 7

const ATTRIBUTE_INT = 2
const ATTRIBUTE_INTS = 7

/** Returns the bytes of a model file. The output is deterministic. */
export function encodeModel(model: Model): Uint8Array {
  const graph = message(
    ...model.operations.map((operation) => bytes(1, encodeOperation(operation))),
    text(2, model.name),
    ...model.constants.map((constant) => bytes(5, encodeTensor(constant))),
    bytes(11, encodePort(model.input)),
    bytes(12, encodePort(model.output)),
  )
  return message(
    integer(1, IR_VERSION),
    text(2, 'media-proxy'),
    text(6, model.documentation),
    bytes(7, graph),
    bytes(8, message(text(1, ''), integer(2, OPERATOR_SET_VERSION))),
  )
}

function encodeOperation({ type, inputs, output, attributes = {} }: Operation): Uint8Array {
  return message(
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(3, output),
    text(4, type),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, encodeAttribute(name, value))),
  )
}

function encodeAttribute(name: string, value: number | readonly number[]): Uint8Array {
  return typeof value === 'number'
    ? message(text(1, name), integer(3, value), integer(20, ATTRIBUTE_INT))
    : message(text(1, name), ...value.map((each) => integer(8, each)), integer(20, ATTRIBUTE_INTS))
}

function encodeTensor({ name, shape, data }: Tensor): Uint8Array {
  return message(
    ...shape.map((side) => integer(1, side)),
    integer(2, elementType(data)),
    text(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  )
}

function elementType(data: Tensor['data']): number {
  if (data instanceof Float32Array) return ELEMENT_FLOAT
  return data instanceof Uint8Array ? ELEMENT_UINT8 : ELEMENT_INT64
}

function encodePort({ name, shape }: Port): Uint8Array {
  const sides = shape.map((side) =>
    bytes(1, message(typeof side === 'number' ? integer(1, side) : text(2, side))),
  )
  const tensor = message(integer(1, ELEMENT_FLOAT), bytes(2, message(...sides)))
  return message(text(1, name), bytes(2, message(bytes(1, tensor))))
}

const WIRE_VARINT = 0
const WIRE_BYTES = 2

function integer(field: number, value: number): Uint8Array {
  return message(varint((field << 3) | WIRE_VARINT), varint(value))
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return message(varint((field << 3) | WIRE_BYTES), varint(value.length), value)
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, Buffer.from(value))
}

function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} has no varint here`)
  const groups: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) groups.push((rest % 0x80) | 0x80)
  return Uint8Array.of(...groups, rest)
}

function message(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}
