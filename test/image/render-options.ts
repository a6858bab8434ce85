import { FULL_SIZE, type RenderOptions } from '@media-proxy/origin/engine/render-options.ts'

/** An image at its own size, as WebP. */
export const FULL_SIZE_WEBP = {
  geometry: FULL_SIZE,
  imagesOnly: true,
  format: 'webp',
  quality: 80,
  isQualityRequested: true,
  animated: false,
} as const satisfies RenderOptions
