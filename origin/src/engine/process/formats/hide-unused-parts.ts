/**
 * Hides the parts of a file that are not shown but that decoders open all the same: the texts of a PNG, which
 * may be compressed a thousandfold, its ancillary chunks with invalid names, and the further pages of a TIFF,
 * of which there may be as many as there are bytes. The bytes are modified in place, because callers have no
 * other use for them.
 */

import type { SourceImageFormat } from '../../../media/kinds.ts'
import { hideChunks, isInvalidAncillary, TEXTS } from './png/hide-chunks.ts'
import { hidePages } from './tiff/hide-pages.ts'

/** Leaves only the image in a file that is about to be decoded. Modifies `bytes`. */
export function hideUnusedParts(bytes: Uint8Array, format: SourceImageFormat): void {
  if (format === 'png') hideChunks(bytes, (id) => TEXTS.has(id) || isInvalidAncillary(id))
  if (format === 'tiff') hidePages(bytes)
}

/** Hides only what makes decoders reject a file that browsers show. Modifies `bytes`. */
export function hideInvalidParts(bytes: Uint8Array, format: SourceImageFormat): void {
  if (format === 'png') hideChunks(bytes, isInvalidAncillary)
}
