import { expect, it } from 'vitest'
import { createHttpServer } from './http-server.ts'

it('closes no connection that may still get its answer', () => {
  for (const longestAnswerMs of [30_000, 600_000]) {
    const server = createHttpServer({
      fetch: () => new Response('made'),
      hotAnswers: undefined,
      longestAnswerMs,
    })
    expect(server.timeout).toBeGreaterThan(longestAnswerMs)
  }
})
