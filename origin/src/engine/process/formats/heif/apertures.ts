import type { Size } from '../../../../media/size.ts'
import { type HeifItem, readHeif } from './heif-items.ts'
import { cleanAperture, codedSize } from './heif-properties.ts'

/**
 * Returns a copy of the HEIF in which each clean aperture that is not inside its image is the whole image. As
 * browsers do, this ignores it; libheif rejects most of these files. Undefined when there is none.
 */
export function withValidApertures(bytes: Uint8Array): Uint8Array | undefined {
  const file = readHeif(bytes)
  if (file === undefined) return undefined
  const alpha = file.alphaOf(file.primary)
  let valid: Buffer | undefined
  for (const { data, size } of [file.primary, ...(alpha ? [alpha] : []), ...file.others].flatMap(aperturesOf))
    if (cleanAperture(data, size) === undefined) {
      valid ??= Buffer.from(bytes)
      valid.set(wholeAperture(size), data.byteOffset - bytes.byteOffset)
    }
  return valid
}

interface Aperture {
  readonly data: Buffer
  /** The size of the image to which it applies. */
  readonly size: Size
}

/** Returns the clean apertures of an item, up to the first one that is inside the image. */
function aperturesOf({ properties }: HeifItem): readonly Aperture[] {
  const coded = codedSize(properties)
  if (coded === undefined) return []
  const apertures: Aperture[] = []
  let size = coded
  for (const { type, data } of properties) {
    if (type === 'irot' && ((data[0] ?? 0) & 1) === 1) size = { width: size.height, height: size.width }
    if (type !== 'clap' || data.length < APERTURE_BYTES) continue
    if (cleanAperture(data, size) !== undefined) break
    apertures.push({ data, size })
  }
  return apertures
}

const APERTURE_BYTES = 32

/** The width, the height and the offset of the centre, each as a fraction. */
function wholeAperture({ width, height }: Size): Buffer {
  const data = Buffer.alloc(APERTURE_BYTES)
  for (const [index, value] of [width, 1, height, 1, 0, 1, 0, 1].entries())
    data.writeUInt32BE(value, 4 * index)
  return data
}
