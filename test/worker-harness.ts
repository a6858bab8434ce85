/** wrangler's harness for workers, which connects to nothing that was not asked for. */

import { createTestHarness, type TestHarness, type TestHarnessOptions } from 'wrangler'

/** Outside of a test wrangler asks its maker for a sample of `Request.cf`, and tells it how it is used. */
const OFFLINE = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' }

export function createWorkerHarness(options: TestHarnessOptions): TestHarness {
  Object.assign(process.env, OFFLINE)
  return createTestHarness(options)
}
