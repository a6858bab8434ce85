import type { Stages } from './observer.ts'

/**
 * The value of `Server-Timing`: the stages of a request and its whole, in milliseconds. What is shared by several
 * requests stands with the one that began it.
 */
export function serverTiming(stages: Stages, milliseconds: number): string {
  return [...stages, ['total', milliseconds] as const]
    .map(([stage, took]) => `${stage.replaceAll(' ', '-')};dur=${took.toFixed(1)}`)
    .join(', ')
}
