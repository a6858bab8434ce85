/** Selects the model for scans. */

import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { ModelOptions } from '../engine/scan-model.ts'
import { NSFW_MODEL } from '../paths/paths.ts'

/** Returns the options of the configured model. */
export function modelOf({ nsfwModelPath, nsfw }: Config): ModelOptions {
  return {
    path: nsfwModelPath ?? NSFW_MODEL,
    layout: nsfw.layout,
    colours: nsfw.colours,
    threads: nsfw.threads,
  }
}
