import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { presetRules } from '@media-proxy/shared/request/preset-rules.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse } from '@media-proxy/shared/response/headers.ts'
import { afterEach, expect, it, vi } from 'vitest'
import type { EdgeExchange } from './exchange.ts'
import { report } from './report.ts'
import { createTimings } from './timings.ts'

afterEach(() => vi.restoreAllMocks())

const url = new URL('https://media.example/avatars/1/a.webp?size=big')
const request = new Request(url)
const exchange: EdgeExchange = {
  request,
  url,
  method: 'GET',
  headers: request.headers,
  requestId: 'asked-for',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`,
  clientAddress: '192.0.2.1',
  requestLimits: { consume: async () => undefined, headers: {} },
  timings: createTimings(() => 0),
  waitUntil: () => {},
}
const parsed = parseRequest(url, {
  accept: null,
  assets: false,
  ...presetRules({ presets: {}, presetsOnly: false }),
})
const rejected = isFailure(parsed) ? parsed : fail('defect', 'it was not rejected')

it('logs the cause of a rejection with the request id, whatever the response contains', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const handled = { response: failureResponse(rejected, 'asked-for'), exchange, parsed, failure: rejected }
  report(handled, { ordinaryRatio: 0, requests: undefined })
  expect(log.mock.calls).toEqual([
    [
      expect.objectContaining({
        requestId: 'asked-for',
        status: 400,
        failure: 'bad-request',
        detail: expect.stringMatching(/^size=big is invalid; accepted: 16, 20/),
      }),
    ],
  ])
})

it('records a sample of ordinary responses, with its weight, and every other response', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const random = vi.spyOn(Math, 'random')
  const weights: unknown[] = []
  const requests = {
    writeDataPoint: ({ doubles = [] }: AnalyticsEngineDataPoint = {}) => {
      weights.push(doubles[2])
    },
  }
  const isReported = (status: number, method = 'GET', failure?: Failure) => {
    log.mockClear()
    const response = new Response(null, { status })
    const handled = { response, exchange: { ...exchange, method }, parsed, failure }
    report(handled, { ordinaryRatio: 0.25, requests })
    return log.mock.calls.length === 1
  }
  random.mockReturnValue(0.25)
  for (const [status, method] of [
    [200, 'GET'],
    [206, 'GET'],
    [304, 'HEAD'],
    [404, 'GET'],
    [204, 'OPTIONS'],
  ] as const)
    expect([status, isReported(status, method)]).toEqual([status, false])
  for (const status of [400, 401, 429, 500, 502]) expect([status, isReported(status)]).toEqual([status, true])
  expect(isReported(404, 'GET', fail('attachment-rejected'))).toBe(true)
  expect(isReported(200, 'POST')).toBe(true)
  expect(weights).toEqual([1, 1, 1, 1, 1, 1, 1])
  random.mockReturnValue(0.24)
  expect(isReported(200)).toBe(true)
  expect(weights.at(-1)).toBe(4)
})
