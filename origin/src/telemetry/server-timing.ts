import type { Stages } from './observer.ts'

/**
 * Formats the value of `Server-Timing`: the stages of a request and its total, in milliseconds. Work that
 * several requests share is attributed to the one that started it.
 */
export function serverTiming(stages: Stages, milliseconds: number): string {
  return [...stages, ['total', milliseconds] as const]
    .map(([stage, took]) => `${stage.replaceAll(' ', '-')};dur=${took.toFixed(1)}`)
    .join(', ')
}
