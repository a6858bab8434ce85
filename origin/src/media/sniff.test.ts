import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { iconBitmap, iconOf, plainIcon, type TestEntry } from './icons.test-data.ts'
import { MEDIA_KINDS, mediaKindOfName } from './kinds.ts'
import { SNIFF_BYTES, sniff } from './sniff.ts'

const formatOf = async (head: Uint8Array, name?: string) => (await sniff(head, name))?.format

const pixels = () =>
  sharp({ create: { width: 16, height: 16, channels: 4, background: { r: 200, g: 40, b: 90, alpha: 0.5 } } })

const ftyp = (major: string, ...compatible: string[]): Buffer => {
  const box = Buffer.from(`\0\0\0\0ftyp${major}\0\0\0\0${compatible.join('')}`, 'latin1')
  box.writeUInt32BE(box.length)
  return Buffer.concat([box, Buffer.from('\0\0\0\x08free', 'latin1')])
}

const box = (type: string, bytes = 8): Buffer => {
  const header = Buffer.alloc(16)
  header.writeUInt32BE(bytes)
  header.write(type, 4, 'latin1')
  return header
}

const oggPage = (payload: string): Buffer =>
  Buffer.concat([
    Buffer.from('OggS\0\x02', 'latin1'),
    Buffer.alloc(20),
    Buffer.from([1, payload.length]),
    Buffer.from(payload, 'latin1'),
  ])

describe('images encoded by Sharp', () => {
  it('recognises a PNG with an invalid chunk length', async () => {
    const png = await pixels().png().toBuffer()
    const headEnd = 33
    png.writeUInt32BE(0xff002000, headEnd)
    expect(await formatOf(png)).toBe('png')
  })

  it.each(['png', 'jpeg', 'gif', 'webp', 'avif', 'tiff'] as const)(
    '%s is detected by its content',
    async (format) => {
      const bytes = await pixels().toFormat(format).toBuffer()
      expect(await formatOf(bytes, 'wrong-name.mp3')).toBe(format)
    },
  )

  it.each([true, false])('the raw file of a camera is no TIFF, little-endian: %s', async (isLittle) => {
    const file = (subfileType: number, lastTag: number) => {
      const bytes = Buffer.alloc(200)
      bytes.write(isLittle ? 'II*\0' : 'MM\0*', 'latin1')
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      view.setUint32(4, 8, isLittle)
      const entries = [
        { tag: 254, value: subfileType },
        { tag: 256, value: 160 },
        { tag: 257, value: 106 },
        { tag: lastTag, value: 0 },
      ]
      view.setUint16(8, entries.length, isLittle)
      for (const [index, { tag, value }] of entries.entries()) {
        const at = 10 + index * 12
        view.setUint16(at, tag, isLittle)
        view.setUint16(at + 2, 4, isLittle)
        view.setUint32(at + 4, 1, isLittle)
        view.setUint32(at + 8, value, isLittle)
      }
      return bytes
    }
    const [SUB_DIRECTORIES, RESOLUTION] = [330, 282]
    expect(await formatOf(file(1, SUB_DIRECTORIES))).toBeUndefined()
    expect(await formatOf(file(0, SUB_DIRECTORIES))).toBe('tiff')
    expect(await formatOf(file(1, RESOLUTION))).toBe('tiff')
  })

  it('a TIFF whose directory is after the header is detected', async () => {
    const noise = sharp({
      create: {
        width: 300,
        height: 300,
        channels: 3,
        background: 'red',
        noise: { type: 'gaussian', mean: 128, sigma: 30 },
      },
    })
    const bytes = await noise.tiff({ compression: 'none' }).toBuffer()
    expect(bytes.length).toBeGreaterThan(SNIFF_BYTES)
    expect(await formatOf(bytes.subarray(0, SNIFF_BYTES))).toBe('tiff')
  })
})

describe('the brands of ISO containers', () => {
  it.each([
    ['isom', [], 'mp4'],
    ['iso5', ['dash'], 'mp4'],
    ['mp42', ['isom', 'mp42'], 'mp4'],
    ['M4V ', [], 'mp4'],
    ['3gp5', [], '3gp'],
    ['3g2a', ['isom'], '3gp'],
    ['qt  ', ['qt  '], 'mov'],
    ['M4A ', ['isom'], 'm4a'],
    ['M4B ', [], 'm4a'],
    ['avif', ['mif1'], 'avif'],
    ['avis', ['msf1'], 'avif'],
    ['mif1', ['avif', 'miaf'], 'avif'],
    ['mif1', ['heic'], 'heic'],
    ['heic', ['mif1'], 'heic'],
    ['mif2', ['heic', 'mif1'], 'heic'],
    ['miaf', ['mif1'], 'heic'],
    ['miaf', ['mif1', 'avif'], 'avif'],
    ['MA1B', ['avif'], 'avif'],
    ['isom', ['iso8', 'avis'], 'avif'],
    ['isom', ['mif1', 'heic'], 'mp4'],
    ['heix', [], 'heic'],
    ['heic', ['avif'], 'avif'],
    ['hevc', ['msf1'], 'heic'],
    ['jpeg', ['mif1', 'jpeg'], 'heic'],
    ['avci', ['mif1'], 'heic'],
    ['abcd', ['mif1', 'heic'], 'heic'],
    ['abcd', ['mif1', 'heic', 'iso6'], 'mp4'],
    ['j2ki', ['mif1'], undefined],
    ['vvic', ['mif1', 'miaf'], undefined],
    ['mif3', [], undefined],
    ['mif3', ['avif'], 'avif'],
    ['crx ', [], undefined],
  ])('%s with %j is detected as %s', async (major, compatible, format) => {
    expect(await formatOf(ftyp(major, ...compatible))).toBe(format)
  })

  it('are found at the start of a recorded segment, too', async () => {
    const segment = ftyp('msdh', 'msix')
    segment.write('styp', 4, 'latin1')
    expect(await formatOf(segment)).toBe('mp4')
  })

  it('leave the decision to the name when a video brand may be audio only', async () => {
    expect(await formatOf(ftyp('mp42'), 'voice.M4A')).toBe('m4a')
    expect(await formatOf(ftyp('mp42'), 'voice.png')).toBe('mp4')
  })

  it.each(['moov', 'mdat', 'free', 'skip', 'wide'])(
    'are not needed for a QuickTime file that starts with %s',
    async (type) => {
      expect(await formatOf(box(type))).toBe('mov')
      expect(await formatOf(box(type), 'clip.mp4')).toBe('mp4')
    },
  )

  it('are not found in plain text', async () => {
    expect(await formatOf(Buffer.from('The free world, a text of some length'), 'text.mp4')).toBeUndefined()
  })
})

describe('SVG', () => {
  const root = '<svg xmlns="http://www.w3.org/2000/svg"/>'
  it.each([
    ['bare', root],
    ['space before', `\n\t  ${root}`],
    ['byte order mark', `\uFEFF${root}`],
    ['prolog', `<?xml version="1.0"?>\n${root}`],
    ['comments', `<!-- <html> --><!----> ${root}`],
    ['document type with entities', `<!DOCTYPE svg [ <!ENTITY a "]>"> ]>${root}`],
    ['style sheet instruction', `<?xml version='1.0'?><?xml-stylesheet href="a.css"?>${root}`],
    ['prefix', '<s:svg xmlns:s="http://www.w3.org/2000/svg"/>'],
    ['line break after the name', '<svg\nwidth="1">'],
  ])('is detected: %s', async (_, text) => {
    expect(await formatOf(Buffer.from(text))).toBe('svg')
  })

  it.each(['utf-16le', 'utf-16be'])('is detected in %s', async (encoding) => {
    const bytes = Buffer.from(`\uFEFF<?xml version="1.0"?>${root}`, 'utf16le')
    expect(await formatOf(encoding === 'utf-16be' ? bytes.swap16() : bytes)).toBe('svg')
  })

  it.each([
    ['a page that contains one', `<!DOCTYPE html><html>${root}</html>`],
    ['another root', '<svgfoo/>'],
    ['a feed', '<?xml version="1.0"?><rss/>'],
    ['only a comment', `<!-- ${root} -->`],
    ['text before it', `hello ${root}`],
    ['nothing', ''],
    ['one byte', '<'],
  ])('is not detected in: %s', async (_, text) => {
    expect(await formatOf(Buffer.from(text))).toBeUndefined()
  })

  it('after a comment longer than the header is detected only by its name', async () => {
    const text = Buffer.from(`<!-- ${'x'.repeat(SNIFF_BYTES)} -->${root}`)
    expect(await formatOf(text)).toBeUndefined()
    expect(await formatOf(text, 'drawing.svg')).toBe('svg')
  })
})

describe('icons and cursors', () => {
  const bitmap = iconBitmap({ width: 1, height: 1, bits: 24, pixels: [1, 2, 3, 0], mask: [0, 0, 0, 0] })
  const entry: TestEntry = { width: 1, height: 1, image: bitmap }
  const nested = iconOf([{ ...entry, image: iconOf([entry]) }])
  it.each<[string, Buffer, string | undefined]>([
    ['an icon', iconOf([entry]), 'ico'],
    ['a cursor', iconOf([entry], 'cursor'), 'ico'],
    ['an icon of a PNG', iconOf([{ ...entry, image: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1') }]), 'ico'],
    [
      'several entries, of which one is damaged',
      iconOf([{ ...entry, image: Buffer.alloc(9) }, entry]),
      'ico',
    ],
    ['a directory without entries', iconOf([]), undefined],
    ['an entry inside the directory', iconOf([{ ...entry, offset: 10 }, entry]), undefined],
    ['an entry beyond the file', iconOf([{ ...entry, offset: 100_000 }]), undefined],
    ['an icon inside an icon', nested, undefined],
    ['an entry of something else', iconOf([{ ...entry, image: Buffer.alloc(99, 7) }]), undefined],
    ['a truncated directory', iconOf([entry, entry]).subarray(0, 30), undefined],
    ['more entries than the start of a file holds', iconOf(new Array(65_535).fill(entry)), undefined],
    ['another signature', Buffer.concat([Buffer.of(0, 0, 3, 0), iconOf([entry]).subarray(4)]), undefined],
    // Uncompressed Targa without a palette, 16 pixels wide and high.
    ['a Targa image', Buffer.from(`00000200${'00'.repeat(8)}10001000${'18'.repeat(800)}`, 'hex'), undefined],
    ['a picture of an MPEG stream', Buffer.from(`00000100${'0ffff8'.repeat(99)}`, 'hex'), undefined],
    ['a TrueType font', Buffer.from(`0001000000${'0c'.repeat(99)}`, 'hex'), undefined],
  ])('are detected by their directory: %s', async (_, bytes, format) => {
    expect(await formatOf(bytes.subarray(0, SNIFF_BYTES), 'a.ico')).toBe(format)
  })

  it('in the grey of the byte that starts packets are no transport stream', async () => {
    expect(await formatOf(plainIcon(32, 32, [0x47, 0x47, 0x47]))).toBe('ico')
  })
})

describe('audio', () => {
  it('is detected as Opus or other Ogg, wherever the page is', async () => {
    expect(await formatOf(oggPage('OpusHead\x01\x02'))).toBe('opus')
    expect(await formatOf(oggPage('\x01vorbis'))).toBe('ogg')
    expect(await formatOf(Buffer.concat([oggPage('fishead\0'), oggPage('OpusHead')]))).toBe('opus')
    expect(await formatOf(Buffer.concat([oggPage('\x80theora'), oggPage('OpusHead')]), 'a.opus')).toBe('ogv')
  })

  it('is detected after an ID3 tag, or by the name when the tag is longer than the header', async () => {
    const tag = (bytes: number, then: number[]) =>
      Buffer.concat([
        Buffer.from([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, bytes >> 7, bytes & 0x7f]),
        Buffer.alloc(bytes),
        Buffer.from(then),
      ])
    expect(await formatOf(tag(20, [0xff, 0xfb, 0x90, 0x64]))).toBe('mp3')
    expect(await formatOf(tag(20, [0xff, 0xf1, 0x50, 0x80]))).toBe('aac')
    expect(await formatOf(tag(16_383, []).subarray(0, 4096), 'a.aac')).toBe('aac')
    expect(await formatOf(tag(16_383, []).subarray(0, 4096), 'a.wav')).toBe('mp3')
    // A tag that is longer than it declares, and text that only starts like a tag.
    expect(await formatOf(Buffer.concat([tag(20, []), Buffer.from('more of a tag')]))).toBe('mp3')
    expect(await formatOf(Buffer.from('ID3 is a format of tags, which this text is about'))).toBeUndefined()
  })

  it('is detected in the 64-bit forms of WAV', async () => {
    expect(await formatOf(Buffer.from('RF64\xff\xff\xff\xffWAVEds64', 'latin1'))).toBe('wav')
  })
})

describe('MPEG streams', () => {
  const packets = (count: number, clockBytes = 0, parityBytes = 0) =>
    Buffer.concat(
      Array.from({ length: count }, () =>
        Buffer.concat([
          Buffer.alloc(clockBytes, 7),
          Buffer.from('G', 'latin1'),
          Buffer.alloc(187, 1),
          Buffer.alloc(parityBytes),
        ]),
      ),
    )

  it.each([
    ['two packets', packets(2), 'ts'],
    ['packets with clocks', packets(6, 4), 'ts'],
    ['packets with parity', packets(6, 0, 16), 'ts'],
    ['packets with parity after a part of one', packets(8, 0, 16).subarray(100), 'ts'],
    ['packets after a part of one', packets(8).subarray(100), 'ts'],
    ['one packet', packets(1), undefined],
    ['a repeated letter', Buffer.from(`G${'x'.repeat(187)}Gx${'y'.repeat(400)}`), undefined],
    ['a pack header', Buffer.from('000001ba44000400', 'hex'), 'mpeg'],
    ['a start code of another kind', Buffer.from('000001b644000400', 'hex'), undefined],
  ])('are detected or not by their packets: %s', async (_, bytes, format) => {
    expect(await formatOf(bytes, 'a.ts')).toBe(format)
  })

  it.each(['tiff', 'png'] as const)(
    'are not detected in a %s of the byte that starts packets',
    async (format) => {
      const grey = sharp({ create: { width: 200, height: 100, channels: 3, background: '#474747' } })
      const bytes = await grey.toFormat(format, { compression: 'none', compressionLevel: 0 }).toBuffer()
      expect(await formatOf(bytes)).toBe(format)
    },
  )

  it('are detected after a part of a packet that looks like the header of an audio frame', async () => {
    const stuffed = packets(8).subarray(100)
    stuffed.set([0xff, 0xfb, 0x90, 0x64])
    expect(await formatOf(stuffed)).toBe('ts')
  })

  const frame = Buffer.concat([Buffer.from('fffb9064', 'hex'), Buffer.alloc(413, 5)])
  it.each([
    ['two frames', [frame, frame], 'mp3'],
    [
      'frames of MPEG-2',
      ['fff3408440', 'fff3408440'].map((head) => Buffer.concat([Buffer.from(head, 'hex'), Buffer.alloc(99)])),
      'mp3',
    ],
    ['a tag', [Buffer.from('ID3\x04\0\0\0\0\0\x05')], 'mp3'],
    ['a frame and something else', [frame, Buffer.from('something else')], undefined],
    ['a header of layer II', [Buffer.from('fffd9064', 'hex'), Buffer.alloc(600)], undefined],
    ['nothing', [], undefined],
    ['half a frame and four complete ones', [frame.subarray(200), frame, frame, frame, frame], 'mp3'],
    ['half a frame and three complete ones', [frame.subarray(200), frame, frame, frame], undefined],
    [
      'frames of different bit rates',
      [frame.subarray(200), frame, frame, Buffer.from('fffb9464', 'hex'), Buffer.alloc(380), frame],
      undefined,
    ],
  ])('are detected or not after zero bytes: %s', async (_, parts, format) => {
    expect(await formatOf(Buffer.concat([Buffer.alloc(700), ...parts]))).toBe(format)
  })
})

describe('Matroska', () => {
  const element = (id: string, content: Buffer, length = content.length) =>
    Buffer.concat([Buffer.from(id, 'hex'), Buffer.from([0x40 | (length >> 8), length & 0xff]), content])
  const file = (docType: string, tracks: Buffer) =>
    Buffer.concat([
      element('1a45dfa3', element('4282', Buffer.from(docType))),
      Buffer.from('1853806701ffffffffffffff', 'hex'),
      element('ec', Buffer.alloc(60)),
      tracks,
    ])
  const track = (type: number) =>
    element('ae', Buffer.concat([element('d7', Buffer.from([1])), element('83', Buffer.from([type]))]))

  it.each([
    ['webm', [2], 'weba'],
    ['webm', [1, 2], 'webm'],
    ['webm', [2, 1], 'webm'],
    ['webm', [1], 'webm'],
    ['matroska', [2, 2], 'mka'],
    ['matroska', [2, 17], 'mkv'],
  ] as const)('%s is detected by its track types %j', async (docType, types, format) => {
    expect(await formatOf(file(docType, element('1654ae6b', Buffer.concat(types.map(track)))))).toBe(format)
  })

  it('with tracks after the header counts as video until it is opened', async () => {
    expect(await formatOf(file('webm', element('1654ae6b', track(2), 9000)))).toBe('webm')
    expect(await formatOf(file('webm', Buffer.alloc(0)))).toBe('webm')
  })
})

it.each([
  'plain text',
  'GIF is a format of old',
  '#EXTM3U\n#EXT-X-ENDLIST',
  '%PDF-1.7',
  'PK\x03\x04',
  'BM123456',
])('rejects %j whatever its name', async (text) => {
  for (const { extensions } of MEDIA_KINDS.filter(({ format }) => format !== 'svg')) {
    expect(await formatOf(Buffer.from(text), `file.${extensions[0]}`)).toBeUndefined()
  }
})

it('never throws, however the header is truncated', async () => {
  const whole = await pixels().png().toBuffer()
  for (const head of [
    whole,
    ftyp('isom', 'iso2'),
    oggPage('OpusHead'),
    Buffer.from('<?xml version="1.0"?><svg>'),
  ]) {
    for (let length = 0; length < Math.min(head.length, 200); length += 1) {
      await expect(sniff(head.subarray(0, length))).resolves.not.toBe(null)
    }
  }
})

it('detects a kind by the last extension of a name, in any case', () => {
  expect(mediaKindOfName('a.b.MP4')?.format).toBe('mp4')
  expect(mediaKindOfName('png')).toBeUndefined()
  expect(mediaKindOfName('a.png.exe')).toBeUndefined()
})
