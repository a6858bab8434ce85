/** Which model scans. */

import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { ModelOptions } from '../engine/scan-model.ts'
import { NSFW_MODEL } from '../paths/paths.ts'

/** The model that a configuration names. */
export function modelOf({ nsfwModelPath, nsfw }: Config): ModelOptions {
  return {
    path: nsfwModelPath ?? NSFW_MODEL,
    layout: nsfw.layout,
    colours: nsfw.colours,
    threads: nsfw.threads,
  }
}
