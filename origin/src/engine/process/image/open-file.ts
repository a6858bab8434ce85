import type { Sharp, SharpOptions } from 'sharp'
import { toScreen } from '../colours/deep-profile.ts'
import { withStillBrand } from '../formats/heif/still-brand.ts'
import { hasFewScans } from '../formats/jpeg/jpeg-scans.ts'
import { STRICT_OPTIONS, TOLERANT_OPTIONS } from '../formats/repair.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import type { ImageInfo } from './inspect.ts'

/**
 * Opens a file with Sharp: in display orientation, converted to sRGB, and decoded as far as it is intact. A
 * PNG whose data was not checked fails at the first error (`withDataRepair`).
 */
export function openFile(bytes: Uint8Array, info: ImageInfo, options: SharpOptions): Sharp {
  const drawing = info.drawing === undefined ? {} : { density: CSS_DENSITY }
  const opened = sharp(withStillBrand(bytes), {
    ...UNLIMITED_PIXELS,
    ...(info.format === 'png' && info.checksData !== true ? STRICT_OPTIONS : TOLERANT_OPTIONS),
    ...drawing,
    unlimited: canLiftLimits(bytes, info),
    ignoreIcc: info.uselessProfile === true,
    ...options,
  })
  const upright = info.orientation === 1 ? opened : opened.autoOrient()
  // When the profile is ignored, the image is not converted to Display P3 and needs no conversion back to
  // sRGB.
  return options.ignoreIcc === true ? upright : toScreen(upright, info)
}

/** Dots per inch, as defined by CSS. */
const CSS_DENSITY = 96

/**
 * Whether the limits of the format's library can be lifted. They reject files that browsers display. The other
 * limit on a JPEG is on errors, and a photograph with a few errors would exceed it.
 */
function canLiftLimits(bytes: Uint8Array, info: ImageInfo): boolean {
  if (info.drawing !== undefined) return isLargeAndPlain(bytes)
  return info.format === 'jpeg' && hasFewScans(bytes)
}

/** The longest text, in bytes, that libxml reads without its option for large documents. */
const MAX_XML_TEXT_BYTES = 9_000_000

/**
 * Whether a drawing is large and declares no entities. An embedded image may be large; entities, which may
 * expand to a large text, are read within libxml's limits.
 */
function isLargeAndPlain(svg: Uint8Array): boolean {
  const text = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  return svg.length > MAX_XML_TEXT_BYTES && !text.includes('<!ENTITY')
}
