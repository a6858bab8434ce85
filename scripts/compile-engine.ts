/** After `pnpm install`, and before a start: compiles what an engine process runs, where its source is newer. */

import { compileEngine } from '@media-proxy/origin/engine/compile-cache.ts'

try {
  compileEngine()
} catch (error) {
  // Slower, and no more than that.
  console.warn(`The engine is not compiled ahead: ${error instanceof Error ? error.message : String(error)}`)
}
