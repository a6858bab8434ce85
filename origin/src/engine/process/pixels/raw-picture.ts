/**
 * One decoded picture as every decoder beside Sharp hands it over: upright, 8-bit sRGB, row after row from the
 * top without padding. Three channels are RGB, four RGBA with straight (not premultiplied) alpha.
 */
export interface RawPicture {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
}
