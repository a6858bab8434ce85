/** After `pnpm install`, and before a start: compiles the server and its engine, where a source is newer. */

import { compileAhead } from '@media-proxy/origin/engine/compile-cache.ts'
import { ORIGIN_FLAGS } from './origin-process.ts'

try {
  compileAhead(ORIGIN_FLAGS)
} catch (error) {
  // Slower, and no more than that.
  console.warn(`The service is not compiled ahead: ${error instanceof Error ? error.message : String(error)}`)
}
