import sharp from 'sharp'
import { expect, it } from 'vitest'
import { type EncodeOptions, encode } from './encode.ts'

const [SIDE, FRAMES] = [64, 3]

/** Frames of a smooth gradient with more colours than a palette has. */
function gradients() {
  const data = Buffer.alloc(SIDE * SIDE * 3 * FRAMES)
  for (let at = 0; at < data.length; at += 3) {
    const pixel = at / 3
    data.set([(pixel % SIDE) * 4, (Math.floor(pixel / SIDE) * 2) % 256, 128], at)
  }
  return sharp(data, {
    raw: { width: SIDE, height: SIDE * FRAMES, channels: 3, pageHeight: SIDE },
  })
}

function gif(frames: number): Promise<Buffer> {
  const options: EncodeOptions = {
    format: 'gif',
    quality: 80,
    sourceLossless: true,
    sourcePalette: false,
    isFlattened: false,
    size: { width: SIDE, height: SIDE },
    frames,
    hasAlpha: false,
    grainy: false,
    filtered: false,
    progressive: false,
  }
  return encode(gradients(), options).toBuffer()
}

it('the palettes of a GIF are chosen with more effort when it is short', async () => {
  const [short, long] = [await gif(250), await gif(300)]
  expect(short).toEqual(await gradients().gif({ effort: 7 }).toBuffer())
  expect(long).toEqual(await gradients().gif({ effort: 1 }).toBuffer())
  expect(long).not.toEqual(short)
})
