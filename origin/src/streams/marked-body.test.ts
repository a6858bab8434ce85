import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { withoutMark } from './marked-body.ts'

const MARK = 'the mark of 24 characters'

/** Cuts bytes into chunks at arbitrary offsets, which may be equal. */
const anyChunks = (bytes: Buffer) =>
  fc.array(fc.nat(bytes.length), { maxLength: 8 }).map((places) => {
    const cuts = [0, ...places.sort((a, b) => a - b), bytes.length]
    return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
  })
const anyMarked = fc
  .uint8Array({ maxLength: 100 })
  .chain((content) =>
    fc.tuple(fc.constant(Buffer.from(content)), anyChunks(Buffer.concat([content, Buffer.from(MARK)]))),
  )

const read = async (chunks: readonly Uint8Array[]) =>
  Buffer.from(await new Response(withoutMark(ReadableStream.from(chunks), MARK)).arrayBuffer())

it('returns the part before the mark, however the body is split', async () => {
  await fc.assert(
    fc.asyncProperty(anyMarked, async ([content, chunks]) => {
      expect(await read(chunks)).toEqual(content)
    }),
  )
})

it('fails when a single byte of the mark is missing', async () => {
  await fc.assert(
    fc.asyncProperty(anyMarked, fc.nat(), async ([, chunks], place) => {
      const whole = Buffer.concat(chunks)
      await expect(read([whole.subarray(0, place % whole.length)])).rejects.toBeInstanceOf(BodyError)
    }),
  )
})
