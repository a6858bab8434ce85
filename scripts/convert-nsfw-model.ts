/** `pnpm model`: makes the bundled NSFW model from the one in the package `nsfwjs`. */

import { writeFile } from 'node:fs/promises'
import { NSFW_MODEL } from '@media-proxy/origin/paths/paths.ts'
import { convert } from './nsfw-model/convert.ts'
import { readGraphModel } from './nsfw-model/graph-model.ts'

console.log('reading the graph that nsfwjs carries …')
const graph = await readGraphModel()
console.log(`converting ${graph.nodes.length} nodes and ${graph.weights.size} weights …`)
const bytes = convert(graph)
await writeFile(NSFW_MODEL, bytes)
console.log(`wrote ${NSFW_MODEL}, ${bytes.length} bytes`)
