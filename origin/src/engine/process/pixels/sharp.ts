/** Configures Sharp once: only the loaders that the service needs, no cache, and no threads of its own. */

import { arch } from 'node:process'
import sharp from 'sharp'

// A decoder that cannot be reached cannot be attacked.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadHeifBuffer',
    'VipsForeignLoadTiffBuffer',
    'VipsForeignLoadSvgBuffer',
  ],
})
// Renders run in parallel in several processes, and finished renditions are cached elsewhere.
sharp.concurrency(1)
sharp.cache(false)

/** Disables Sharp's own limit of pixels. `validateDeclaredSize` limits the decoded bytes instead. */
export const UNLIMITED_PIXELS = { limitInputPixels: false } as const

/**
 * Must be increased whenever the same plan would produce other bytes: it is part of every rendition's ETag.
 */
const RENDER_SETTINGS_REVISION = 23

/** Everything besides the source and the request that determines the bytes of a rendition. */
export const RENDERER_VERSION = JSON.stringify([RENDER_SETTINGS_REVISION, sharp.versions, arch])

export { sharp }
