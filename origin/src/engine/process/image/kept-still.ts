/**
 * The pixels of a picture of which several renditions are wanted together. They are decoded for the first of them, and
 * kept for the others: of a photograph as HEIC, decoding is nearly all that a small rendition costs.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ImageFormat as SourceFormat } from '../../../media/kinds.ts'
import { giveBack } from '../../../streams/give-back.ts'
import type { Sharing } from '../../jobs.ts'
import type { ImageInfo } from './inspect.ts'
import { isReadWhole } from './reading.ts'
import type { Render } from './render-stages.ts'

/** A decoded picture, or a file of bare pixels. */
interface Pixels {
  readonly data: Uint8Array
}

export interface KeptStill {
  /** Another job will want this picture, or its pixels are there. */
  readonly wanted: boolean
  /**
   * Gives the pixels that are kept; `decode` makes them where there are none. A source's pixels are always of one shape:
   * it is decoded by one decoder.
   */
  read<P extends Pixels>(decode: () => Promise<P | Failure>): Promise<P | Failure>
}

export interface StillKeeper {
  /** Begins a job: what is kept of another source is given back. */
  begin(source: Sharing): KeptStill
  /** Gives back what is kept. */
  forget(): void
}

/** Twelve megapixels with alpha, sixteen without. */
const MOST_KEPT_BYTES = 48 * 1024 * 1024

export function createStillKeeper(): StillKeeper {
  let kept: { readonly id: number; readonly pixels: Pixels } | undefined

  function forget(): void {
    if (kept !== undefined) giveBack(kept.pixels.data)
    kept = undefined
  }

  return {
    forget,
    begin({ id, shared }) {
      if (kept?.id !== id) forget()
      return {
        wanted: shared || kept !== undefined,
        async read<P extends Pixels>(decode: () => Promise<P | Failure>) {
          // Of this source, and so of its shape.
          if (kept !== undefined) return kept.pixels as P
          const pixels = await decode()
          const isKept = shared && !isFailure(pixels) && pixels.data.byteLength <= MOST_KEPT_BYTES
          if (isKept) kept = { id, pixels }
          return pixels
        },
      }
    },
  }
}

/**
 * Bytes that pixels take which Sharp would otherwise read row by row; 0 where they are too many, or where a rendition of
 * them would not be the same as one of the file.
 */
export function bytesToKeep(info: ImageInfo, render: Render): number {
  if (info.ownDecoder !== undefined || !isScaledFromAll(info, render)) return 0
  const bytes = info.width * info.height * info.bands
  return bytes <= MOST_KEPT_BYTES ? bytes : 0
}

/**
 * Whether Sharp scales a still from all of its pixels, as they are in the file: then it makes no difference where they come
 * from. A turned one is scaled before it is turned; what has a profile, or another depth, before it is converted; a
 * palette is known no more where its pixels are.
 */
function isScaledFromAll(info: ImageInfo, render: Render): boolean {
  const { format, orientation, bands, bytesPerSample, hasAlpha, plainColours, palette } = info
  const isPlain = plainColours && !palette && bytesPerSample === 1 && bands === (hasAlpha ? 4 : 3)
  if (!isPlain || orientation !== 1) return false
  return format === 'jpeg' ? isReadWhole(info, render) : READ_WHOLE.has(format)
}

const READ_WHOLE: ReadonlySet<SourceFormat> = new Set(['png', 'avif', 'tiff'])
