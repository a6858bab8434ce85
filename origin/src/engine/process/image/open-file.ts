import type { Sharp, SharpOptions } from 'sharp'
import { toScreen } from '../colours/deep-profile.ts'
import { underStillBrand } from '../formats/heif/still-brand.ts'
import { AS_FAR_AS_IT_GOES } from '../formats/mend.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import type { ImageInfo } from './inspect.ts'

/** Opens a file that Sharp reads: upright, on its way to sRGB, as far as it goes. */
export function openFile(bytes: Uint8Array, info: ImageInfo, options: SharpOptions): Sharp {
  const drawing = info.drawing === undefined ? {} : { density: CSS_DENSITY }
  const opened = sharp(underStillBrand(bytes), {
    ...UNLIMITED_PIXELS,
    ...AS_FAR_AS_IT_GOES,
    ...drawing,
    unlimited: isHarmless(bytes, info),
    ignoreIcc: info.uselessProfile === true,
    ...options,
  })
  const upright = info.orientation === 1 ? opened : opened.autoOrient()
  // By a profile that is passed over nothing came to where it would be brought back from.
  return options.ignoreIcc === true ? upright : toScreen(upright, info)
}

/** Dots an inch, as CSS has them. */
const CSS_DENSITY = 96

/** Tells whether the limits of a format's library can be left out, which refuse what browsers show. */
function isHarmless(bytes: Uint8Array, info: ImageInfo): boolean {
  if (info.drawing !== undefined) return isLargeAndPlain(bytes)
  return info.format === 'jpeg' && hasFewScans(bytes)
}

/** As many as libvips lets a JPEG go over its picture. Its other limit is one on faults, of which a few end a photograph. */
const MAX_SCANS = 100
const START_OF_SCAN = Buffer.from([0xff, 0xda])

function hasFewScans(jpeg: Uint8Array): boolean {
  const file = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength)
  let scans = 0
  for (let at = file.indexOf(START_OF_SCAN); at >= 0 && scans <= MAX_SCANS; scans += 1)
    at = file.indexOf(START_OF_SCAN, at + 2)
  return scans <= MAX_SCANS
}

/** The longest text that libxml reads without being told to. */
const MAX_XML_TEXT_BYTES = 9_000_000

/** A picture inside a drawing may be large; entities, which may become large, are read within limits. */
function isLargeAndPlain(svg: Uint8Array): boolean {
  const text = Buffer.from(svg.buffer, svg.byteOffset, svg.byteLength)
  return svg.length > MAX_XML_TEXT_BYTES && !text.includes('<!ENTITY')
}
