import { describe, expect, it } from 'vitest'
import { CORS_HEADERS, preflightResponse, restrictOrigins } from './cors.ts'

function restricted(origin: string | null, allowed: readonly string[], vary?: string) {
  const headers = new Headers({ ...CORS_HEADERS, ...(vary === undefined ? {} : { vary }) })
  restrictOrigins(headers, origin, allowed)
  return { allows: headers.get('access-control-allow-origin'), vary: headers.get('vary') }
}

describe('a list of origins', () => {
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

  it('varies by Origin besides what it varies by already', () => {
    expect(restricted('https://app.example.com', list, 'Accept').vary).toBe('Accept, Origin')
  })

  it('with a star in it is no list', () => {
    expect(restricted('https://other.test', [...list, '*'])).toEqual({ allows: '*', vary: null })
  })

  it('leaves alone what no script may read', () => {
    const headers = new Headers()
    restrictOrigins(headers, 'https://app.example.com', list)
    expect([...headers]).toEqual([])
  })
})

describe('a preflight', () => {
  const allowedBy = (allow: string) =>
    preflightResponse(allow, 'id').headers.get('access-control-allow-headers') ?? ''

  it('allows what clients send of media', () => {
    const names = 'Range If-None-Match If-Match If-Range X-Request-Id traceparent Cache-Control'
    for (const name of names.split(' ')) expect(allowedBy('GET, HEAD, OPTIONS').split(', ')).toContain(name)
  })

  it('allows secrets only where they are taken', () => {
    expect(allowedBy('GET, HEAD, OPTIONS')).not.toMatch(/Authorization|Secret/)
    expect(allowedBy('POST, OPTIONS')).toMatch(/Authorization.*X-Internal-Secret.*Content-Type/)
  })
})
