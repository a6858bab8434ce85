import { expect, it } from 'vitest'
import { FAILURE_CODES, fail, isFailure } from './failure.ts'

it('recognises every failure', () => {
  for (const code of FAILURE_CODES) expect(isFailure(fail(code, 'why'))).toBe(true)
})

it('recognises nothing else as a failure, whatever fields it has', () => {
  const others = [
    undefined,
    null,
    'not-found',
    {},
    { failure: fail('not-found') },
    { failure: 'not-found' },
    { code: 'ENOENT' },
    { ok: false },
    { ok: true, code: 'not-found' },
    Object.assign(new Error('not found'), { code: 'ENOENT' }),
    new Response(null, { status: 404 }),
  ]
  for (const other of others) expect(isFailure(other)).toBe(false)
})

it('recognises a failure that another process sent as JSON', () => {
  expect(isFailure(JSON.parse(JSON.stringify(fail('overloaded', 'full', { 'retry-after': '1' }))))).toBe(true)
})
