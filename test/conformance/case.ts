/** The type of a row of the contract's table, and values that many rows share. */

export interface Case {
  readonly name: string
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  /** Exact values, or patterns. */
  readonly expect?: Readonly<Record<string, string | RegExp>>
  /** Headers that must be absent. */
  readonly absent?: readonly string[]
  readonly body?: string | RegExp
  readonly image?: ExpectedImage
}

export interface ExpectedImage {
  readonly format: 'png' | 'jpeg' | 'webp' | 'gif' | 'avif'
  readonly width: number
  readonly height: number
  readonly frames?: number
  /** How long each frame is shown, in milliseconds. */
  readonly delays?: readonly number[]
  readonly loop?: number
  /**
   * Pixels that reveal wrong colours, orientation or padding:
   * at x, y of the first frame, RGBA within a tolerance.
   */
  readonly pixels?: readonly Pixel[]
}

export interface Pixel {
  readonly x: number
  readonly y: number
  readonly rgba: readonly [number, number, number, number]
}

export const RED = [220, 30, 30, 255] as const
export const BLUE = [30, 30, 220, 255] as const

export const MEDIA_HEADERS = {
  'accept-ranges': 'bytes',
  'access-control-allow-origin': '*',
  'cache-control': 'public, max-age=31536000, immutable',
  etag: /^"[^"]+"$/,
  'last-modified': / GMT$/,
  'x-content-type-options': 'nosniff',
  'content-security-policy': /^default-src 'none'; .*sandbox allow-same-origin$/,
  'cross-origin-resource-policy': 'cross-origin',
  'x-robots-tag': 'noindex',
  'x-request-id': /^.+$/,
  'content-length': /^\d+$/,
}

export const ERROR_HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'access-control-allow-origin': '*',
  'x-request-id': /^.+$/,
}
