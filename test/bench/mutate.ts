/** Generates damaged media from intact ones: a fuzzer without feedback, deterministic for a seed. */

import { seededRandom } from '../seeded-random.ts'

export interface NamedFile {
  readonly name: string
  readonly bytes: Buffer
}

export interface Mutant extends NamedFile {
  /** Which file was damaged, and how. */
  readonly recipe: string
}

/** The maximum number of damages per file. */
const MAX_STEPS = 3

/** Returns the file of a seed: one of `files`, damaged in one to three ways. */
export function mutate(files: readonly NamedFile[], seed: number): Mutant {
  // The first numbers of neighbouring seeds are similar, so the seed is mixed.
  const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1))
  const pick = <T>(values: readonly T[]): T => {
    const value = values[Math.floor(random() * values.length)]
    if (value === undefined) throw new Error('nothing to pick from')
    return value
  }
  const { name, bytes } = pick(files)
  const recipe = [name]
  let damaged = bytes
  const steps = 1 + Math.floor(random() * MAX_STEPS)
  for (let step = 0; step < steps; step += 1) {
    const [way, damage] = pick(WAYS)
    const other = pick(files)
    damaged = damage({ bytes: damaged, other: other.bytes, random })
    recipe.push(way === 'splice' || way === 'head' ? `${way} of ${other.name}` : way)
  }
  return { name, bytes: damaged, recipe: recipe.join(', ') }
}

interface Damage {
  readonly bytes: Buffer
  readonly other: Buffer
  readonly random: () => number
}

const WAYS: readonly (readonly [name: string, damage: (given: Damage) => Buffer])[] = [
  ['flips', flip],
  ['truncation', truncate],
  ['length', blowUp],
  ['doubling', double],
  ['splice', splice],
  ['head', swapHead],
]

const HEADER_BYTES = 512
const MAX_FLIPS = 24

/** Replaces some bytes, in half of the cases only in the header. */
function flip({ bytes, random }: Damage): Buffer {
  const copy = Buffer.from(bytes)
  const reach = random() < 0.5 ? Math.min(HEADER_BYTES, copy.length) : copy.length
  const flips = 1 + Math.floor(random() * MAX_FLIPS)
  for (let done = 0; done < flips && reach > 0; done += 1)
    copy[Math.floor(random() * reach)] = Math.floor(random() * 256)
  return copy
}

function truncate({ bytes, random }: Damage): Buffer {
  return bytes.subarray(0, Math.floor(random() * bytes.length))
}

/** Writes a plausible but wrong number where a format stores a length. */
function blowUp({ bytes, random }: Damage): Buffer {
  const places = lengthsIn(bytes)
  const place = places[Math.floor(random() * places.length)]
  if (place === undefined) return bytes
  const copy = Buffer.from(bytes)
  const value = LENGTHS[Math.floor(random() * LENGTHS.length)] ?? 0
  if (place.width === 2) copy.writeUInt16BE(value & 0xffff, place.at)
  else if (place.order === 'little') copy.writeUInt32LE(value, place.at)
  else copy.writeUInt32BE(value, place.at)
  return copy
}

const LENGTHS = [0, 1, 7, 8, 0xffff, 0x10000, 0x00ffffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff]
/** The number of bytes in which length fields are searched. */
const SEARCHED_BYTES = 64 * 1024

interface LengthField {
  readonly at: number
  readonly width: 2 | 4
  readonly order?: 'little'
}

/**
 * Returns length fields: those next to the four letters of a chunk, as in PNG and ISO files (before them) and
 * in RIFF (after them), and those of JPEG markers.
 */
function lengthsIn(bytes: Buffer): readonly LengthField[] {
  const fields: LengthField[] = []
  const end = Math.min(bytes.length, SEARCHED_BYTES) - 8
  for (let at = 0; at < end; at += 1) {
    if (bytes[at] === 0xff && (bytes[at + 1] ?? 0) >= 0xc0 && bytes[at + 1] !== 0xff)
      fields.push({ at: at + 2, width: 2 })
    if (!isName(bytes, at)) continue
    if (at >= 4) fields.push({ at: at - 4, width: 4 })
    fields.push({ at: at + 4, width: 4, order: 'little' }, { at: at + 8 - 4, width: 4 })
  }
  return fields
}

function isName(bytes: Buffer, at: number): boolean {
  for (let letter = at; letter < at + 4; letter += 1) {
    const code = bytes[letter] ?? 0
    const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
    if (!isLetter && code !== 0x20) return false
  }
  return true
}

/** Repeats a piece once or a few times. */
function double({ bytes, random }: Damage): Buffer {
  const start = Math.floor(random() * bytes.length)
  const length = Math.floor(random() * Math.min(bytes.length - start, SEARCHED_BYTES))
  const piece = bytes.subarray(start, start + length)
  const copies = Array.from({ length: 1 + Math.floor(random() * 4) }, () => piece)
  return Buffer.concat([bytes.subarray(0, start + length), ...copies, bytes.subarray(start + length)])
}

/** Joins the beginning of one file and the end of another. */
function splice({ bytes, other, random }: Damage): Buffer {
  const [cut, from] = [Math.floor(random() * bytes.length), Math.floor(random() * other.length)]
  return Buffer.concat([bytes.subarray(0, cut), other.subarray(from)])
}

/** Puts the head of another file on the body of this one. */
function swapHead({ bytes, other, random }: Damage): Buffer {
  const length = 4 + Math.floor(random() * HEADER_BYTES)
  return Buffer.concat([other.subarray(0, length), bytes.subarray(length)])
}
