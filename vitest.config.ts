import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { measureTimeoutFactor, scaleTimeout } from './test/timeouts.ts'

// Sharp's work runs on this pool, as in the service itself.
process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 4)
measureTimeoutFactor()

/** The tests that count the processes and the open files of their own worker, where others may have left some. */
const COUNTING = ['test/chaos/**/*.test.ts', 'test/corpus/video.test.ts', 'test/video/hostile.test.ts']

const ENGINE = 'origin/src/engine/**/*.test.ts'

/** Returns a project whose workers keep the modules that they have loaded, which halves the CPU time of small tests. */
function sharing(
  name: string,
  include: string[],
  exclude: readonly string[],
): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: { name, include, exclude: [...configDefaults.exclude, ...exclude], isolate: false },
  }
}

export default defineConfig({
  test: {
    pool: 'forks',
    // They only end what hangs: the machine may become busy once the run has begun.
    testTimeout: scaleTimeout(120_000),
    hookTimeout: scaleTimeout(120_000),
    // A browser takes more than the second that is the default.
    expect: { poll: { timeout: scaleTimeout(10_000) } },
    // One more than the processors of a small machine, because many tests wait.
    maxWorkers: 3,
    projects: [
      sharing('unit', ['{shared,edge-worker,origin,playground,scripts}/**/*.test.ts'], [ENGINE]),
      sharing('services', [ENGINE, 'test/**/*.test.ts'], COUNTING),
      { extends: true, test: { name: 'counting', include: COUNTING } },
    ],
  },
})
