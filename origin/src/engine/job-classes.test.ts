import { expect, it } from 'vitest'
import { mediaKind } from '../media/kinds.ts'
import type { Source } from '../source/bytes/source.ts'
import { createJobClasses, type EnginePools } from './job-classes.ts'
import type { EngineLanes } from './lanes.ts'

const COST = { memoryBytes: 10, cpuSeconds: 1 }
const classes = createJobClasses({} as EngineLanes, {} as EnginePools, COST)

function sourceOf(format: 'png' | 'mp4', sizeBytes: number, heldBytes: number): Source {
  const [bytes, parts] = [new Uint8Array(heldBytes), { sizeBytes }]
  return { kind: mediaKind(format), bytes, parts } as Source
}

it('the weight of an image that its process reads whole includes its bytes', () => {
  const large = sourceOf('png', 400_000_000, 16)
  expect(classes.first(large, false).weightBytes).toBeGreaterThan(400_000_000)
  expect(classes.admitted(COST, large).weightBytes).toBe(400_000_010)
})

it('the weight of a source in memory, or read in ranges, does not include its bytes', () => {
  expect(classes.first(sourceOf('png', 16, 16), false).weightBytes).toBe(0)
  expect(classes.admitted(COST, sourceOf('png', 16, 16)).weightBytes).toBe(10)
  expect(classes.admitted(COST, sourceOf('mp4', 400_000_000, 16)).weightBytes).toBe(10)
})
