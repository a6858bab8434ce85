/**
 * Reads the items of a HEIF file (ISO/IEC 14496-12, section 8.11; ISO/IEC 23008-12): which bytes are an
 * image, what it is composed of, and how it is transformed before it is shown.
 */

import { boxesIn } from '../../../../media/iso-boxes.ts'

export interface HeifItem {
  readonly id: number
  /** Four characters, such as `hvc1` for a coded image or `grid` for one made of tiles. */
  readonly type: string
  /** The item's properties, in the order in which they apply. */
  readonly properties: readonly HeifProperty[]
}

export interface HeifProperty {
  readonly type: string
  readonly data: Buffer
}

export interface HeifFile {
  /** The primary image, or the image whose thumbnail is declared as the primary one. */
  readonly primary: HeifItem
  /**
   * The images, other than the primary one, that a viewer may show: first its alternatives (`altr`), then
   * those of a collection. Excludes tiles, thumbnails and other items that only belong to another one.
   */
  readonly others: readonly HeifItem[]
  /** Returns the items that an item is derived from, in order. */
  sourcesOf(item: HeifItem): readonly HeifItem[]
  /** Returns the image whose luma is the alpha of an item. Undefined when it has none. */
  alphaOf(item: HeifItem): HeifItem | undefined
  /** Whether the colours of an item are premultiplied by its alpha. */
  isPremultiplied(item: HeifItem): boolean
  /**
   * Returns the coded bytes of an item, or the description of a derived one. Undefined when they lie outside
   * the file, or when they add up to more than the whole file.
   */
  bytesOf(item: HeifItem): Buffer | undefined
}

/**
 * Returns the image that is shown. An identity item (`iden`) is resolved to its source, with the properties
 * of both. A grid without colours has those of its first tile, where early iPhones write them.
 */
export function shownItem(file: HeifFile): HeifItem {
  let found = file.primary
  for (let depth = 0; depth < MAX_IDENTITIES && found.type === 'iden'; depth += 1) {
    const [source] = file.sourcesOf(found)
    if (source === undefined) break
    found = { ...source, properties: [...source.properties, ...found.properties] }
  }
  if (found.type !== 'grid' || found.properties.some(isColour)) return found
  const colours = codedItem(file, found).properties.filter(isColour)
  return { ...found, properties: [...found.properties, ...colours] }
}

const isColour = ({ type }: HeifProperty) => type === 'colr'

/** Returns the item with the coded pixels of an image: the first tile of a grid, or the image itself. */
export function codedItem(file: HeifFile, image: HeifItem): HeifItem {
  const [tile] = image.type === 'grid' ? file.sourcesOf(image) : []
  return tile ?? image
}

/** The longest chain of identity items (an image that is another one, cropped or turned) that is followed. */
const MAX_IDENTITIES = 4

const IMAGE_ITEM_TYPES: ReadonlySet<string> = new Set([
  'av01',
  'hvc1',
  'jpeg',
  'avc1',
  'grid',
  'iden',
  'iovl',
])

/** The largest number of items that is read. A phone's image of 200 megapixels has some 800 tiles. */
const MAX_ITEMS = 4096
/** The types of auxiliary images that are alpha. */
export const ALPHA_TYPES: ReadonlySet<string> = new Set([
  'urn:mpeg:mpegB:cicp:systems:auxiliary:alpha',
  'urn:mpeg:hevc:2015:auxid:1',
])

/** Reads the items of a file. Undefined when it is not a HEIF file with a primary image, or is broken. */
export function readHeif(bytes: Uint8Array): HeifFile | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return parse(file)
  } catch (error) {
    // Reading a broken file throws nothing else.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function parse(file: Buffer): HeifFile | undefined {
  const meta = childOf(file, 'meta')?.subarray(FULL_BOX)
  if (meta === undefined) return undefined
  const properties = propertiesOf(meta)
  const items = new Map(
    typesOf(meta).map(([id, type]) => [id, { id, type, properties: properties.get(id) ?? [] }]),
  )
  const references = referencesOf(meta)
  const extents = extentsOf(meta)
  const idat = childOf(meta, 'idat')
  const primaryId = childOf(meta, 'pitm')
  const declared = primaryId && items.get(idAt(primaryId, FULL_BOX, primaryId[0] !== 0))
  if (declared === undefined) return undefined
  const ofIds = (ids: readonly number[]) =>
    ids.map((id) => items.get(id)).filter((item) => item !== undefined)
  // libheif shows the image itself instead of its thumbnail.
  const masters = references.filter(({ type, from }) => type === 'thmb' && from === declared.id)
  const primary =
    ofIds(masters.flatMap(({ to }) => to)).find(({ type }) => IMAGE_ITEM_TYPES.has(type)) ?? declared
  const parts = new Set(
    references.flatMap(({ type, from, to }) =>
      type === 'dimg' ? to : AUXILIARY_REFERENCES.has(type) ? [from] : [],
    ),
  )
  const exchanged = ofIds(alternativesOf(meta, primary.id))
  const others = new Set([declared, ...exchanged, ...[...items.values()].filter(({ id }) => !parts.has(id))])
  others.delete(primary)
  return {
    primary,
    others: [...others].filter(({ type }) => IMAGE_ITEM_TYPES.has(type)),
    sourcesOf: ({ id }) =>
      ofIds(references.filter(({ type, from }) => type === 'dimg' && from === id).flatMap(({ to }) => to)),
    alphaOf: ({ id }) =>
      ofIds(
        references.filter(({ type, to }) => type === 'auxl' && to.includes(id)).map(({ from }) => from),
      ).find(isAlpha),
    isPremultiplied: ({ id }) => references.some(({ type, from }) => type === 'prem' && from === id),
    bytesOf({ id }) {
      const parts = (extents.get(id) ?? []).map(({ inIdat, start, bytes }) => {
        const source = inIdat ? idat : file
        return source !== undefined && start + bytes <= source.length
          ? source.subarray(start, bytes === 0 ? undefined : start + bytes)
          : undefined
      })
      const whole = parts.filter((part) => part !== undefined)
      if (whole.length < parts.length || whole.length === 0) return undefined
      // Overlapping extents could name the same bytes any number of times.
      const isInFile = whole.reduce((sum, { length }) => sum + length, 0) <= file.length
      return isInFile ? Buffer.concat(whole) : undefined
    },
  }
}

/**
 * Returns the items of the groups of alternatives that contain an item (ISO/IEC 14496-12, section 8.15.3).
 */
function alternativesOf(meta: Buffer, id: number): readonly number[] {
  return [...boxesOf(childOf(meta, 'grpl') ?? Buffer.alloc(0))]
    .filter(({ type, data }) => type === 'altr' && data.length >= FULL_BOX + 8)
    .map(({ data }) => {
      const ids = data.subarray(FULL_BOX + 8)
      const count = Math.min(data.readUInt32BE(FULL_BOX + 4), ids.length >> 2, MAX_ITEMS)
      return Array.from({ length: count }, (_, index) => ids.readUInt32BE(4 * index))
    })
    .filter((ids) => ids.includes(id))
    .flat()
}

/**
 * Returns a copy of the file with another primary image, which is then neither hidden nor part of another
 * item.
 */
export function withPrimary(bytes: Uint8Array, id: number): Uint8Array {
  const file = Buffer.from(bytes)
  const meta = childOf(file, 'meta')?.subarray(FULL_BOX)
  const primary = meta && childOf(meta, 'pitm')
  if (meta === undefined || primary === undefined) return file
  if (primary[0] === 0) primary.writeUInt16BE(id & 0xffff, FULL_BOX)
  else primary.writeUInt32BE(id, FULL_BOX)
  for (const entry of entriesOf(meta))
    if (idAt(entry, FULL_BOX, entry[0] === 3) === id) entry[3] = (entry[3] ?? 0) & ~HIDDEN_FLAG
  const list = childOf(meta, 'iref')
  for (const { type, data } of boxesOf(list?.subarray(FULL_BOX) ?? Buffer.alloc(0))) {
    if (!AUXILIARY_REFERENCES.has(type) || idAt(data, 0, list?.[0] !== 0) !== id) continue
    file.write('skip', data.byteOffset - file.byteOffset - 4, 'latin1')
  }
  return file
}

const HIDDEN_FLAG = 1
/** Reference types that make an item a part of another one. */
const AUXILIARY_REFERENCES: ReadonlySet<string> = new Set(['auxl', 'thmb'])

function isAlpha({ properties }: HeifItem): boolean {
  const type = properties.find((property) => property.type === 'auxC')?.data.toString('latin1', FULL_BOX)
  return ALPHA_TYPES.has(type?.split('\0')[0] ?? '')
}

/** The bytes of version and flags at the start of a full box. */
const FULL_BOX = 4

function idAt(data: Buffer, at: number, long: boolean): number {
  return long ? data.readUInt32BE(at) : data.readUInt16BE(at)
}

function* boxesOf(data: Buffer): Generator<HeifProperty> {
  for (const { type, start, end, isWhole } of boxesIn(data))
    if (isWhole) yield { type, data: data.subarray(start, end) }
}

function childOf(data: Buffer, type: string): Buffer | undefined {
  for (const box of boxesOf(data)) if (box.type === type) return box.data
  return undefined
}

function typesOf(meta: Buffer): readonly (readonly [id: number, type: string])[] {
  return entriesOf(meta).map((data) => {
    const long = data[0] === 3
    const typeAt = FULL_BOX + (long ? 6 : 4)
    return [idAt(data, FULL_BOX, long), data.toString('latin1', typeAt, typeAt + 4)]
  })
}

/** Returns the item entries of `iinf`, which state the type of each item. */
function entriesOf(meta: Buffer): readonly Buffer[] {
  const list = childOf(meta, 'iinf')
  if (list === undefined) return []
  return [...boxesOf(list.subarray(FULL_BOX + (list[0] === 0 ? 2 : 4)))].map(({ data }) => data)
}

/** Reads the properties of each item: `ipma` maps items to the boxes in `ipco`. */
function propertiesOf(meta: Buffer): ReadonlyMap<number, readonly HeifProperty[]> {
  const boxes = childOf(meta, 'iprp')
  const known = [...boxesOf((boxes && childOf(boxes, 'ipco')) ?? Buffer.alloc(0))]
  const found = new Map<number, HeifProperty[]>()
  for (const { type, data } of boxesOf(boxes ?? Buffer.alloc(0))) {
    if (type !== 'ipma') continue
    const [longId, longIndex] = [data[0] !== 0, ((data[3] ?? 0) & 1) === 1]
    let at = FULL_BOX + 4
    for (let entry = 0; entry < Math.min(data.readUInt32BE(FULL_BOX), MAX_ITEMS); entry += 1) {
      const id = idAt(data, at, longId)
      at += longId ? 4 : 2
      const count = data.readUInt8(at)
      at += 1
      const properties: HeifProperty[] = []
      for (let index = 0; index < count; index += 1) {
        const number = longIndex ? data.readUInt16BE(at) & 0x7fff : data.readUInt8(at) & 0x7f
        at += longIndex ? 2 : 1
        const property = known[number - 1]
        if (property !== undefined) properties.push(property)
      }
      found.set(id, properties)
    }
  }
  return found
}

interface Reference {
  readonly type: string
  readonly from: number
  readonly to: readonly number[]
}

function referencesOf(meta: Buffer): readonly Reference[] {
  const list = childOf(meta, 'iref')
  if (list === undefined) return []
  const long = list[0] !== 0
  const idBytes = long ? 4 : 2
  return [...boxesOf(list.subarray(FULL_BOX))].map(({ type, data }) => ({
    type,
    from: idAt(data, 0, long),
    to: Array.from({ length: Math.min(data.readUInt16BE(idBytes), MAX_ITEMS) }, (_, index) =>
      idAt(data, idBytes + 2 + index * idBytes, long),
    ),
  }))
}

interface Extent {
  readonly inIdat: boolean
  readonly start: number
  readonly bytes: number
}

/** Reads `iloc`: the sizes of its fields, each in half a byte, then the extents of each item. */
function extentsOf(meta: Buffer): ReadonlyMap<number, readonly Extent[]> {
  const list = childOf(meta, 'iloc')
  const found = new Map<number, readonly Extent[]>()
  if (list === undefined) return found
  const version = list.readUInt8(0)
  const [sizes, baseSizes] = [list.readUInt8(FULL_BOX), list.readUInt8(FULL_BOX + 1)]
  let at = FULL_BOX + 2
  const take = (bytes: number) => {
    if (bytes > 8 || at + bytes > list.length) throw new RangeError('iloc')
    const value = [...list.subarray(at, at + bytes)].reduce((sum, byte) => sum * 256 + byte, 0)
    at += bytes
    return value
  }
  const items = take(version < 2 ? 2 : 4)
  for (let item = 0; item < Math.min(items, MAX_ITEMS); item += 1) {
    const id = take(version < 2 ? 2 : 4)
    const inIdat = version > 0 && (take(2) & 0xf) === 1
    take(2)
    const base = take(baseSizes >> 4)
    const extents: Extent[] = []
    const count = take(2)
    for (let extent = 0; extent < Math.min(count, MAX_ITEMS); extent += 1) {
      if (version > 0) take(baseSizes & 0xf)
      const start = base + take(sizes >> 4)
      extents.push({ inIdat, start, bytes: take(sizes & 0xf) })
    }
    found.set(id, extents)
  }
  return found
}
