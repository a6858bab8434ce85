import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { measureTimeoutFactor, scaleTimeout } from './test/timeouts.ts'

// Sharp's work runs on this pool, as in the service itself.
process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 4)
measureTimeoutFactor()

export default defineConfig({
  test: {
    include: ['{shared,edge-worker,origin,playground,scripts}/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    // A worker keeps the modules that it has loaded, which halves the CPU time of small tests.
    isolate: false,
    // They only end what hangs: the machine may become busy once the run has begun.
    testTimeout: scaleTimeout(120_000),
    hookTimeout: scaleTimeout(120_000),
    // A browser takes more than the second that is the default.
    expect: { poll: { timeout: scaleTimeout(10_000) } },
    // One more than the processors of a small machine, because many tests wait.
    maxWorkers: 3,
  },
})
