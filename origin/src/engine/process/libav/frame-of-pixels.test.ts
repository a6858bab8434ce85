import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import { createConverter } from './convert.ts'
import { frameOfPixels } from './frame-of-pixels.ts'
import { loadLibav } from './load.ts'

const libav = await loadLibav()
const [width, height] = [200, 100]

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

it.skipIf(libav === undefined)(
  'a frame keeps its pixels after garbage collection (needs libav)',
  async () => {
    if (libav === undefined) return
    const format = libav.constants.AV_PIX_FMT_RGB24
    const bytes = width * height * 3
    using frame = frameOfPixels(libav, Buffer.alloc(bytes, 7), { width, height, format })
    for (let round = 0; round < 5; round += 1) {
      collectGarbage()
      await setImmediate()
    }
    const others = Array.from({ length: 50 }, () => Buffer.alloc(bytes, 200))
    using converter = createConverter(libav, { filtersFor: () => ['null'], pixels: 'rgb24' })
    const converted = converter.convert(frame)
    expect(isFailure(converted) || converted.equals(Buffer.alloc(bytes, 7))).toBe(true)
    expect(others).toHaveLength(50)
  },
)
