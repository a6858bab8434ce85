import type { Frame } from 'node-av/lib'
import type { Libav } from './load.ts'

/** The matrices (ITU-T H.273, table 4) with which libswscale converts, or which it ignores. */
const CONVERTED: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 6, 7, 9])

/**
 * Removes a matrix that libswscale does not support, such as BT.2020 with constant luminance, from a frame. It
 * rejects such frames. Chromium, too, treats these matrices as unspecified, except YCgCo.
 */
export function dropUnsupportedMatrix({ constants }: Libav, frame: Frame): void {
  if (!CONVERTED.has(frame.colorSpace)) frame.colorSpace = constants.AVCOL_SPC_UNSPECIFIED
}
