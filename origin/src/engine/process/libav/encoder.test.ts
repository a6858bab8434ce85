import { expect, it } from 'vitest'
import { openEncoder } from './encoder.ts'
import type { Libav } from './load.ts'

it.each([
  ['its setup fails', 0],
  ['it does not open', -22],
])('an encoder frees its context when %s', (_, code) => {
  let contexts = 0
  class CodecContext {
    allocContext3() {
      contexts += 1
    }
    setFlags() {}
    open2Sync() {
      return code
    }
    freeContext() {
      contexts -= 1
    }
  }
  const library = { Codec: { findEncoderByName: () => ({}) }, CodecContext }
  // The parts of libav that are used up to that point.
  const libav = { library, constants: {} } as unknown as Libav
  const setUp = () => {
    if (code === 0) throw new Error('no such option')
  }
  expect(() => openEncoder(libav, 'libsvtav1', setUp)).toThrow()
  expect(contexts).toBe(0)
})
