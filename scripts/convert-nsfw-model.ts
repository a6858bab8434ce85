/** `pnpm model`: makes the bundled NSFW model of what the package `nsfwjs` carries. */

import { writeFile } from 'node:fs/promises'
import { BUNDLED_MODEL_PATH } from '@media-proxy/origin/nsfw/model.ts'
import { convert } from './nsfw-model/convert.ts'
import { readGraphModel } from './nsfw-model/graph-model.ts'

const bytes = convert(await readGraphModel())
await writeFile(BUNDLED_MODEL_PATH, bytes)
console.log(`wrote ${BUNDLED_MODEL_PATH}, ${bytes.length} bytes`)
