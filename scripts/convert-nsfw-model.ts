/** `pnpm model`: makes the bundled NSFW model of what the package `nsfwjs` carries. */

import { writeFile } from 'node:fs/promises'
import { BUNDLED_MODEL_PATH } from '@media-proxy/origin/nsfw/model.ts'
import { convert } from './nsfw-model/convert.ts'
import { readGraphModel } from './nsfw-model/graph-model.ts'

console.log('reading the graph that nsfwjs carries …')
const graph = await readGraphModel()
console.log(`converting ${graph.nodes.length} nodes and ${graph.weights.size} weights …`)
const bytes = convert(graph)
await writeFile(BUNDLED_MODEL_PATH, bytes)
console.log(`wrote ${BUNDLED_MODEL_PATH}, ${bytes.length} bytes`)
