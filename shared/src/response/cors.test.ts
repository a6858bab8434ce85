import { describe, expect, it } from 'vitest'
import { CORS_HEADERS, preflightResponse, restrictOrigins } from './cors.ts'

function restricted(origin: string | null, allowed: readonly string[], vary?: string) {
  const headers = new Headers({ ...CORS_HEADERS, ...(vary === undefined ? {} : { vary }) })
  restrictOrigins(headers, origin, allowed)
  return { allows: headers.get('access-control-allow-origin'), vary: headers.get('vary') }
}

describe('a list of allowed origins', () => {
  const list = ['https://app.example.com', 'http://localhost:5173']

  it.each([
    ['https://app.example.com', 'https://app.example.com'],
    ['http://localhost:5173', 'http://localhost:5173'],
    ['http://localhost', null],
    ['https://app.example.com.evil.test', null],
    ['http://app.example.com', null],
    ['null', null],
    [null, null],
  ])('answers %s with %s', (origin, allows) => {
    expect(restricted(origin, list)).toEqual({ allows, vary: 'Origin' })
  })

  it('adds Origin to an existing Vary', () => {
    expect(restricted('https://app.example.com', list, 'Accept').vary).toBe('Accept, Origin')
  })

  it('that contains a star allows every origin', () => {
    expect(restricted('https://other.test', [...list, '*'])).toEqual({ allows: '*', vary: null })
  })

  it('does not change a response without CORS headers', () => {
    const headers = new Headers()
    restrictOrigins(headers, 'https://app.example.com', list)
    expect([...headers]).toEqual([])
  })
})

describe('a preflight', () => {
  const allowedBy = (allow: string) =>
    preflightResponse(allow, 'id').headers.get('access-control-allow-headers') ?? ''

  it('allows the request headers of media clients', () => {
    const names = 'Range If-None-Match If-Match If-Range X-Request-Id traceparent Cache-Control'
    for (const name of names.split(' ')) expect(allowedBy('GET, HEAD, OPTIONS').split(', ')).toContain(name)
  })

  it('allows headers with secrets only for endpoints that use them', () => {
    expect(allowedBy('GET, HEAD, OPTIONS')).not.toMatch(/Authorization|Secret/)
    expect(allowedBy('POST, OPTIONS')).toMatch(/Authorization.*X-Internal-Secret.*Content-Type/)
  })
})
