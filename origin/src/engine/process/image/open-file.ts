import type { Sharp, SharpOptions } from 'sharp'
import { toScreen } from './deep-profile.ts'
import { type ImageInfo, UNLIMITED_PIXELS } from './inspect.ts'
import { AS_FAR_AS_IT_GOES } from './mend.ts'
import { sharp } from './sharp.ts'
import { underStillBrand } from './still-brand.ts'

/** Opens a file that Sharp reads: upright, on its way to sRGB, as far as it goes. */
export function openFile(bytes: Uint8Array, info: ImageInfo, options: SharpOptions): Sharp {
  const drawing =
    info.drawing === undefined ? {} : { density: CSS_DENSITY, unlimited: isLargeAndPlain(bytes) }
  const opened = sharp(underStillBrand(bytes), {
    ...UNLIMITED_PIXELS,
    ...AS_FAR_AS_IT_GOES,
    ...drawing,
    ...options,
  })
  return toScreen(info.orientation === 1 ? opened : opened.autoOrient(), info)
}

/** Dots an inch, as CSS has them. */
const CSS_DENSITY = 96

/** The longest text that libxml reads without being told to. */
const MAX_XML_TEXT_BYTES = 9_000_000

/** A picture inside a drawing may be large; entities, which may become large, are read within limits. */
function isLargeAndPlain(svg: Uint8Array): boolean {
  const text = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  return svg.length > MAX_XML_TEXT_BYTES && !text.includes('<!ENTITY')
}
