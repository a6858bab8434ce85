/** The worker harness of wrangler, without network access other than that of the worker. */

import { createTestHarness, type TestHarness, type TestHarnessOptions } from 'wrangler'

/** Outside a test, wrangler downloads a sample of `Request.cf` from Cloudflare and reports usage metrics. */
const OFFLINE = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' }

export function createWorkerHarness(options: TestHarnessOptions): TestHarness {
  Object.assign(process.env, OFFLINE)
  return createTestHarness(options)
}
