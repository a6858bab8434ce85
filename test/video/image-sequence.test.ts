import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mediaKind } from '@media-proxy/origin/media/kinds.ts'
import { memoryBytes } from '@media-proxy/origin/media/memory-bytes.ts'
import { examine } from '@media-proxy/origin/metadata/examine.ts'
import { factsReader } from '@media-proxy/origin/rendition/opened-source.ts'
import { sequenceAsVideo } from '@media-proxy/origin/video/image-sequence.ts'
import { describe, expect, it } from 'vitest'
import { createVideoTools } from '../video-tools.ts'
import { canEncode, FFMPEG, makeVideo } from '../videos.ts'

const tools = createVideoTools()
const AV1 = (await Promise.all(['libaom-av1', 'libsvtav1'].map(canEncode))).indexOf(true)
const ENCODER = ['libaom-av1', 'libsvtav1'][AV1] ?? ''
const corpus = process.env.MEDIA_CORPUS
/** Red, from 1.2 s lime, from 1.8 s blue, up to 3 s. */
const COLOURS =
  'color=red:s=320x192:r=5:d=1.2[a];color=lime:s=320x192:r=5:d=0.6[b];color=blue:s=320x192:r=5:d=1.2[c];[a][b][c]concat=n=3'

function look(bytes: Uint8Array, scan = true) {
  const source = {
    key: 'a',
    info: { sizeBytes: bytes.length, etag: '"a"', lastModified: undefined },
    kind: mediaKind('avif'),
    bytes,
    facts: factsReader(bytes, 'avif'),
    parts: memoryBytes(bytes),
  }
  return examine(source, { tools, scan, timeLeftMs: 10_000, signal: AbortSignal.timeout(10_000) })
}

describe.skipIf(FFMPEG === undefined || ENCODER === '')(
  'an animated AVIF (needs FFmpeg and an AV1 encoder)',
  () => {
    const made = makeVideo('avif', COLOURS, ['-pix_fmt', 'yuv420p', '-c:v', ENCODER])

    it('is looked at near its start, middle and end, besides its still', async () => {
      const examined = await look(await made)
      expect(examined).toMatchObject({
        size: { width: 320, height: 192 },
        animated: true,
        durationSeconds: expect.closeTo(3, 1),
      })
      const colours = 'frames' in examined ? examined.frames.map(colourOf) : []
      // The still, and what is shown after 1, 1.5 and 2 seconds.
      expect(colours).toEqual(['red', 'red', 'lime', 'blue'])
    })

    it('has no frames where nothing is scanned', async () => {
      expect(await look(await made, false)).toMatchObject({ animated: true, frames: [] })
    })

    it('with a track that does not decode is refused', async () => {
      const broken = Buffer.from(await made)
      const offsets = broken.indexOf('stco', 0, 'latin1')
      broken.writeUInt32BE(0xffff_fff0, offsets + 12)
      expect(await look(broken)).toMatchObject({ failure: expect.any(String) })
    })

    it.each([10, 30, 50, 70, 90])(
      'cut at %i hundredths is refused, or looked at as far as it goes',
      async (share) => {
        const file = await made
        const cut = file.subarray(0, Math.floor((file.length * share) / 100))
        const examined = await look(cut)
        expect('failure' in examined || examined.frames.length > 0).toBe(true)
      },
    )
  },
)

/** Which of the three a picture of one colour is. */
function colourOf({ data }: { readonly data: Uint8Array }): string {
  const [red = 0, green = 0, blue = 0] = data
  return red > 128 ? 'red' : green > 128 ? 'lime' : blue > 128 ? 'blue' : 'none'
}

describe('a sequence of images', () => {
  it('is none without its track', () => {
    expect(sequenceAsVideo(Buffer.from('no boxes at all'))).toBeUndefined()
    expect(sequenceAsVideo(new Uint8Array(0))).toBeUndefined()
    expect(sequenceAsVideo(Buffer.alloc(64))).toBeUndefined()
  })

  it.skipIf(corpus === undefined)('is found in the corpus (MEDIA_CORPUS names its folder)', async () => {
    const file = await readFile(join(corpus ?? '', 'animated/animated.avif'))
    const examined = await look(file)
    expect(examined).toMatchObject({ animated: true })
    expect('frames' in examined && examined.frames.length).toBeGreaterThan(1)
  })
})
