/** Builds Windows icons and cursors for tests. */

export interface TestEntry {
  /** The size that the directory declares, up to 256. */
  readonly width: number
  readonly height: number
  /** What the directory declares: bits per pixel, or the row of a cursor's hot spot. 32 by default. */
  readonly bits?: number
  /** The number of colours that the directory declares; 0 by default. */
  readonly colours?: number
  /** A PNG or a bitmap. */
  readonly image: Uint8Array
  /** The declared offset, when it is not that of the image. */
  readonly offset?: number
}

/** Builds an icon or a cursor: a directory, and the images of its entries one after the other. */
export function iconOf(entries: readonly TestEntry[], type: 'icon' | 'cursor' = 'icon'): Buffer {
  const directory = Buffer.alloc(6 + 16 * entries.length)
  directory.writeUInt16LE(type === 'icon' ? 1 : 2, 2)
  directory.writeUInt16LE(entries.length, 4)
  let imageAt = directory.length
  for (const [index, { width, height, bits = 32, colours = 0, image, offset }] of entries.entries()) {
    const at = 6 + 16 * index
    directory.writeUInt8(width % 256, at)
    directory.writeUInt8(height % 256, at + 1)
    directory.writeUInt8(colours, at + 2)
    directory.writeUInt16LE(bits, at + 6)
    directory.writeUInt32LE(image.length, at + 8)
    directory.writeUInt32LE(offset ?? imageAt, at + 12)
    imageAt += image.length
  }
  return Buffer.concat([directory, ...entries.map(({ image }) => image)])
}

export interface TestBitmap {
  readonly width: number
  /** As shown. The header declares twice as much. */
  readonly height: number
  readonly bits: number
  readonly coding?: number
  readonly headerBytes?: number
  /** The bytes of masks after the fields of the shortest header. */
  readonly masks?: readonly number[]
  /** Four bytes per colour: blue, green, red and an unused one. */
  readonly palette?: readonly number[]
  readonly declaredColours?: number
  /** The bytes of the rows from the bottom up, each padded to four bytes. */
  readonly pixels: readonly number[]
  /** The bytes of the rows of the mask, padded in the same way. Absent by default. */
  readonly mask?: readonly number[]
}

/** Builds the bitmap of an icon: a header, a palette, pixels and a mask. */
export function iconBitmap({ width, height, bits, ...rest }: TestBitmap): Buffer {
  const { coding = 0, masks = [], palette = [], pixels, mask = [] } = rest
  const headerBytes = rest.headerBytes ?? 40
  const header = Buffer.alloc(Math.max(40, headerBytes))
  header.writeUInt32LE(headerBytes, 0)
  header.writeInt32LE(width, 4)
  header.writeInt32LE(2 * height, 8)
  header.writeUInt16LE(1, 12)
  header.writeUInt16LE(bits, 14)
  header.writeUInt32LE(coding, 16)
  header.writeUInt32LE(rest.declaredColours ?? palette.length / 4, 32)
  header.set(masks.slice(0, header.length - 40), 40)
  return Buffer.concat([header, ...[masks.slice(header.length - 40), palette, pixels, mask].map(Buffer.from)])
}

/** Builds an icon of 32 bits per pixel in one colour, opaque and without a mask. */
export function plainIcon(
  width: number,
  height: number,
  [red, green, blue]: readonly [number, number, number],
): Buffer {
  const pixels = Array.from({ length: width * height }, () => [blue, green, red, 255]).flat()
  return iconOf([{ width, height, image: iconBitmap({ width, height, bits: 32, pixels }) }])
}
