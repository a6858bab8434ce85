import { type HeifItem, type HeifProperty, readHeif } from './heif-items.ts'

/**
 * Returns a copy of the AVIF in which no image is mirrored before it is rotated. Browsers rotate first, in
 * whatever order an item lists both (MIAF, ISO/IEC 23000-22, section 7.3.6.7, prescribes that order). libheif
 * follows the listed order, in which the opposite rotation has the same result. Undefined when nothing
 * changes.
 */
export function withRotationFirst(bytes: Uint8Array): Uint8Array | undefined {
  const file = readHeif(bytes)
  if (file === undefined) return undefined
  const alpha = file.alphaOf(file.primary)
  const items = [file.primary, ...(alpha ? [alpha] : []), ...file.others]
  // Several items may share one rotation.
  const late = new Set(items.flatMap(lateRotations).map(({ data }) => data.byteOffset - bytes.byteOffset))
  if (late.size === 0) return undefined
  const turned = Buffer.from(bytes)
  for (const at of late) turned.writeUInt8(OPPOSITE[turned.readUInt8(at) & 3] ?? 0, at)
  return turned
}

/** The opposite of each number of quarter turns. */
const OPPOSITE = [0, 3, 2, 1]

/** Returns the rotations by a quarter turn that an item lists after mirroring. */
function lateRotations({ properties }: HeifItem): readonly HeifProperty[] {
  const mirrored = properties.findIndex(({ type }) => type === 'imir')
  return mirrored < 0
    ? []
    : properties.slice(mirrored).filter(({ type, data }) => type === 'irot' && ((data[0] ?? 0) & 1) === 1)
}
