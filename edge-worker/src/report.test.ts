import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { presetRules } from '@media-proxy/shared/request/presets.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse } from '@media-proxy/shared/response/headers.ts'
import { afterEach, expect, it, vi } from 'vitest'
import type { EdgeExchange } from './exchange.ts'
import { report } from './report.ts'
import { createTimings } from './timings.ts'

afterEach(() => vi.restoreAllMocks())

it('says in the log what was refused, beside the request id, whatever the answer says', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const url = new URL('https://media.example/avatars/1/a.webp?size=big')
  const parsed = parseRequest(url, {
    accept: null,
    assets: false,
    ...presetRules({ presets: {}, presetsOnly: false }),
  })
  if (!isFailure(parsed)) throw new Error('it was not refused')
  const request = new Request(url)
  const exchange: EdgeExchange = {
    request,
    url,
    method: 'GET',
    headers: request.headers,
    requestId: 'asked-for',
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`,
    clientAddress: '192.0.2.1',
    timings: createTimings(() => 0),
    waitUntil: () => {},
  }
  report({ response: failureResponse(parsed, 'asked-for'), exchange, parsed, failure: parsed })
  expect(log.mock.calls).toEqual([
    [
      expect.objectContaining({
        requestId: 'asked-for',
        status: 400,
        failure: 'bad-request',
        detail: expect.stringMatching(/^size=big is no value of size; it takes 16, 20/),
      }),
    ],
  ])
})
