/**
 * Runs after `pnpm install` and before a start: compiles the
 * server and its engine when a source is newer than the cache.
 */

import { compileAhead } from '@media-proxy/origin/engine/compile-cache.ts'
import { ORIGIN_FLAGS } from './origin-process.ts'

try {
  compileAhead(ORIGIN_FLAGS)
} catch (error) {
  // Without the cache the service only starts more slowly.
  console.warn(`The service is not compiled ahead: ${error instanceof Error ? error.message : String(error)}`)
}
