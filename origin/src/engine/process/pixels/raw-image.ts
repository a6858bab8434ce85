/**
 * One decoded image, in the form that all decoders other than Sharp return: in display orientation, 8-bit
 * sRGB, row by row from the top without padding. Three channels are RGB, four are RGBA with straight (not
 * premultiplied) alpha.
 */
export interface RawImage {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
}
