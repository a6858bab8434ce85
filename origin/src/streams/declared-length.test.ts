import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { describe, expect, it, vi } from 'vitest'
import { withDeclaredLength } from './declared-length.ts'

function bodyOf(chunks: readonly string[], cancel: () => void = () => undefined) {
  const rest = chunks.map((text) => new TextEncoder().encode(text))
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = rest.shift()
      if (next === undefined) controller.close()
      else controller.enqueue(next)
    },
    cancel,
  })
}

describe('a body with a declared length', () => {
  it.each([
    [['0123', '4567'], 8, '01234567'],
    [['0123', '4567'], 5, '01234'],
    [['0123', '4567'], 4, '0123'],
    [['', '01', ''], 2, '01'],
    [[], 0, ''],
    [['0'], 0, ''],
  ])('of %j is cut at %i bytes', async (chunks, sizeBytes, passed) => {
    expect(await new Response(withDeclaredLength(bodyOf(chunks), sizeBytes)).text()).toBe(passed)
  })

  it('is cancelled when it is too long', async () => {
    const cancel = vi.fn()
    await new Response(withDeclaredLength(bodyOf(['0123', '4567', '89'], cancel), 6)).text()
    expect(cancel).toHaveBeenCalledOnce()
  })

  it('fails when bytes are missing', async () => {
    const failed = await new Response(withDeclaredLength(bodyOf(['012']), 4))
      .text()
      .catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(BodyError)
    expect(failed instanceof BodyError && isFailure(failed.failure)).toBe(true)
  })
})
