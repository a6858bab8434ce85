/**
 * Keeps the decoded pixels of an image when several renditions of it are requested together. They are decoded
 * for the first rendition and kept for the others: for a HEIC photograph, decoding is nearly all of the cost
 * of a small rendition.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SourceImageFormat } from '../../../media/kinds.ts'
import { freeBuffer } from '../../../streams/free-buffer.ts'
import type { Sharing } from '../../jobs.ts'
import type { ImageInfo } from './inspect.ts'
import type { Render } from './render.ts'
import { isReadWhole } from './shrink-on-load.ts'

/** A decoded image, a file of raw pixels, or samples as libav decodes them. */
type Form = 'image' | 'file' | 'samples'

interface Pixels {
  readonly data: Uint8Array
}

export interface SharedPixels {
  /** Whether another job will need this image, or its pixels are kept already. */
  readonly isNeeded: boolean
  /**
   * Returns the kept pixels of a form, or the result of `decode` when there are none. Pixels of the same form
   * have the same type.
   */
  read<P extends Pixels>(form: Form, decode: () => Promise<P | Failure>): Promise<P | Failure>
}

export interface PixelCache {
  /** Begins a job, and releases the pixels of any other source. */
  begin(source: Sharing): SharedPixels
  /** Releases the kept pixels. */
  forget(): void
}

/** Twelve megapixels with alpha, or sixteen without. */
const MAX_KEPT_BYTES = 48 * 1024 * 1024

export function createPixelCache(): PixelCache {
  let kept: { readonly id: number; readonly form: Form; readonly pixels: Pixels } | undefined

  function forget(): void {
    if (kept !== undefined) freeBuffer(kept.pixels.data)
    kept = undefined
  }

  return {
    forget,
    begin({ id, shared }) {
      if (kept?.id !== id) forget()
      return {
        isNeeded: shared || kept !== undefined,
        async read<P extends Pixels>(form: Form, decode: () => Promise<P | Failure>) {
          // Kept pixels of this source and form have the type of the result.
          if (kept?.form === form) return kept.pixels as P
          const pixels = await decode()
          const isKept = shared && !isFailure(pixels) && pixels.data.byteLength <= MAX_KEPT_BYTES
          if (isKept && kept === undefined) kept = { id, form, pixels }
          return pixels
        },
      }
    },
  }
}

/**
 * Returns the size of the kept pixels of an image that Sharp would otherwise read row by row. Returns 0 when
 * they are too large, or when a rendition of them would differ from one of the file.
 */
export function bytesToKeep(info: ImageInfo, render: Render): number {
  if (info.ownDecoder !== undefined || !isScaledFromAll(info, render)) return 0
  const bytes = info.width * info.height * info.bands
  return bytes <= MAX_KEPT_BYTES ? bytes : 0
}

/**
 * Whether Sharp scales a still from all of its pixels as they are stored in the file, so that kept pixels
 * give the same result. A rotated image is scaled before it is rotated, and one with a profile or another bit
 * depth is scaled before it is converted. The palette is lost in decoded pixels.
 */
function isScaledFromAll(info: ImageInfo, render: Render): boolean {
  const { format, orientation, bands, bytesPerSample, hasAlpha, plainColours, palette } = info
  const isPlain = plainColours && !palette && bytesPerSample === 1 && bands === (hasAlpha ? 4 : 3)
  if (!isPlain || orientation !== 1) return false
  return format === 'jpeg' ? isReadWhole(info, render) : READ_WHOLE.has(format)
}

const READ_WHOLE: ReadonlySet<SourceImageFormat> = new Set(['png', 'avif', 'tiff'])
