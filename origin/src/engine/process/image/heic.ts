/** Decodes HEIC stills with libheif as WebAssembly. Sharp can read their size, but cannot decode them. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { MainModule } from 'libheif-js/libheif-wasm/libheif.js'
import { withStillBrand } from '../formats/heif/still-brand.ts'
import { wrapInTiff } from '../formats/tiff/tiff-wrap.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import type { ImageInfo } from './inspect.ts'

/**
 * The largest size of a file beyond that of its pixels. A larger file carries data other than the image,
 * which need not be read.
 */
const MAX_PAYLOAD_BYTES = 32 * 1024 * 1024
const RGBA = 4 as const

/**
 * Decodes an image whose header was read and validated: in display orientation, converted from its profile to
 * sRGB. Fails with `undecodable`.
 */
export async function decodeHeic(
  bytes: Uint8Array,
  { width, height, hasAlpha }: Pick<ImageInfo, 'width' | 'height' | 'hasAlpha'>,
): Promise<RawImage | Failure> {
  if (bytes.length > width * height * RGBA + MAX_PAYLOAD_BYTES)
    return fail('undecodable', `${bytes.length} bytes for ${width}x${height}`)
  const file = withStillBrand(bytes)
  try {
    const data = await decodePrimary(file, width, height)
    const { icc } = await sharp(file, UNLIMITED_PIXELS).metadata()
    const opened =
      icc === undefined
        ? openRaw({ data, width, height, channels: RGBA })
        : sharp(wrapInTiff({ data, width, height, channels: RGBA }, icc), UNLIMITED_PIXELS)
    const pipeline = hasAlpha ? opened : opened.removeAlpha()
    const converted = await pipeline.toColourspace('srgb').raw().toBuffer()
    return { data: converted, width, height, channels: hasAlpha ? RGBA : 3 }
  } catch (error) {
    return decodingFailure(error)
  }
}

interface DecodedPlane {
  readonly id: unknown
  readonly width: number
  readonly height: number
  /** The bytes from one row to the next. */
  readonly stride: number
  readonly data: Uint8Array
}

/**
 * Decodes the primary image to RGBA without padding. The stream may be larger than its header declares; the
 * process's memory limit bounds that.
 */
async function decodePrimary(bytes: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  const libheif = loadLibheif()
  const context = libheif.heif_context_alloc()
  if (context === null) throw new Error('no context')
  const read = libheif.heif_context_read_from_memory(context, bytes)
  if (read.code !== libheif.heif_error_code.heif_error_Ok) throw new Error(String(read.message))
  const handle = libheif.heif_js_context_get_primary_image_handle(context)
  if (!handle || handle.code) throw new Error('no primary image')
  // The decoder applies rotation, mirroring and cropping. EXIF orientation repeats them and is ignored.
  const decoded = await libheif.heif_js_decode_image2(
    handle,
    libheif.heif_colorspace.heif_colorspace_RGB,
    libheif.heif_chroma.heif_chroma_interleaved_RGBA,
  )
  if (!decoded || decoded.code) throw new Error(String(decoded?.message ?? 'not decoded'))
  const planes: readonly DecodedPlane[] = decoded.channels
  const plane = planes.find(({ id }) => id === libheif.heif_channel.heif_channel_interleaved)
  if (plane === undefined || plane.width !== width || plane.height !== height)
    throw new Error(`decoded to ${plane?.width}x${plane?.height} instead of ${width}x${height}`)
  const pixels = new Uint8Array(width * height * RGBA)
  for (let row = 0; row < height; row += 1) {
    const start = row * plane.stride
    pixels.set(plane.data.subarray(start, start + width * RGBA), row * width * RGBA)
  }
  return pixels
}

/** Loads a new instance for each image, so that memory that a hostile file corrupts is discarded with it. */
function loadLibheif(): MainModule {
  const require = createRequire(import.meta.url)
  const create: (options: {
    readonly wasmBinary: Uint8Array
    readonly print: () => void
    readonly printErr: () => void
  }) => MainModule = require('libheif-js/libheif-wasm/libheif.js')
  return create({
    wasmBinary: readFileSync(require.resolve('libheif-js/libheif-wasm/libheif.wasm')),
    // The decoder's debug output is about a user's file, so it is discarded.
    print: () => undefined,
    printErr: () => undefined,
  })
}
