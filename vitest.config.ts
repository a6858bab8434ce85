import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Sharp's work runs on this pool, as in the service itself.
process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 4)

export default defineConfig({
  test: {
    include: ['{shared,edge-worker,origin,playground,scripts}/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A browser on a busy machine takes more than the second that is the default.
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
  },
})
