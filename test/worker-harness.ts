/** The worker harness of wrangler, without any network access of its own. */

import { createTestHarness, type TestHarness, type TestHarnessOptions } from 'wrangler'

/** Outside a test, wrangler downloads a sample of `Request.cf` from Cloudflare and reports usage metrics. */
const OFFLINE = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' }

export function createWorkerHarness(options: TestHarnessOptions): TestHarness {
  Object.assign(process.env, OFFLINE)
  return createTestHarness(options)
}
