import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createPreparation } from './preparation.ts'
import type { RenditionRequest } from './spec.ts'

function avatar(id: string, size: number): RenditionRequest {
  const url = new URL(`http://media.invalid/avatars/1/${id}.webp?size=${size}`)
  const parsed = parseRequest(url, { accept: null, assets: false })
  if (isFailure(parsed) || parsed.kind !== 'asset') throw new Error('no avatar')
  return parsed
}

it('renders one at a time, and states whether another rendition of the same source follows', async () => {
  const made: unknown[] = []
  const done = Promise.withResolvers<void>()
  const preparation = createPreparation({
    pipeline: {
      fresh: () => undefined,
      async render(request, _headers, _signal, isFollowed) {
        made.push([request.kind === 'asset' ? request.key : '', isFollowed])
        if (made.length === 4) done.resolve()
        return fail('not-found')
      },
    },
    isIdle: () => true,
    log: pino({ level: 'silent' }),
  })
  for (const [id, size] of [
    ['a', 16],
    ['a', 32],
    ['a', 64],
    ['b', 16],
  ] as const)
    preparation.add(avatar(id, size))
  await done.promise
  await preparation.close()
  expect(made).toEqual([
    ['avatars/1/a', true],
    ['avatars/1/a', true],
    ['avatars/1/a', false],
    ['avatars/1/b', false],
  ])
})
