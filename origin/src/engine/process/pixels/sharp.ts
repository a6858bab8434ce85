/** Sharp, set up once: the loaders the service needs and no others, and no cache or threads of its own. */

import { arch } from 'node:process'
import sharp from 'sharp'

// A decoder that is never reached cannot be attacked.
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
// Parallelism comes from the renders that run side by side, and finished renditions are kept elsewhere.
sharp.concurrency(1)
sharp.cache(false)

/** Pixel limits of Sharp itself are off: `validateDeclaredSize` has the say, in bytes. */
export const UNLIMITED_PIXELS = { limitInputPixels: false } as const

/** Raised whenever the same plan would give other bytes: it is part of every rendition's ETag. */
const RENDER_SETTINGS_REVISION = 13

/** What besides the source and the request decides the bytes of a rendition. */
export const RENDERER_VERSION = JSON.stringify([RENDER_SETTINGS_REVISION, sharp.versions, arch])

export { sharp }
