import { expect, it, vi } from 'vitest'
import type { EngineProcess } from './engine-process.ts'
import { createJobClasses, type EnginePools, type JobClass } from './job-classes.ts'
import type { Cost } from './jobs.ts'
import type { EngineLanes } from './lanes.ts'
import { watchOver } from './watch.ts'

const COST: Cost = { memoryBytes: 1, cpuSeconds: 10 }
const classes = createJobClasses({} as EngineLanes, {} as EnginePools, COST)

it.each([
  ['a clip that takes three times its predicted CPU time goes on', 30, classes.clip, []],
  ['a clip that takes four times its predicted CPU time is ended', 40, classes.clip, [['cpu']]],
  ['another job that takes twice its predicted CPU time is ended', 20, classes.slow, [['cpu']]],
] as const)('%s', (_, usedSeconds, jobClass: JobClass, kills) => {
  vi.useFakeTimers()
  try {
    const kill = vi.fn()
    // The watch uses no other member of a process.
    const process = { cpuSeconds: () => usedSeconds, kill } as unknown as EngineProcess
    const watch = watchOver(process, new AbortController().signal, jobClass)
    watch.extend(COST)
    vi.advanceTimersByTime(jobClass.headerCpuSeconds * 1000)
    watch.end()
    expect(kill.mock.calls).toEqual(kills)
  } finally {
    vi.useRealTimers()
  }
})
