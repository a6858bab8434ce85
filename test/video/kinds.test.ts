/** Tests the kinds reported for video containers, with video and with audio only. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

const SECRET = 'a-secret-for-tests'
const libav = await loadLibav()
const SINE = ['-f', 'lavfi', '-i', 'sine=r=48000:d=3', '-map', '0:v', '-map', '1:a']
const AUDIO = ['-f', 'lavfi', '-i', 'sine=r=48000:d=3', '-map', '1:a']
const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-bf', '2', '-crf', '10']
/** The bytes of a packet of a transport stream. */
const PACKET_BYTES = 188
const MPEG2 = ['-c:v', 'mpeg2video', '-q:v', '2', '-bf', '2']

describe.skipIf(FFMPEG === undefined || libav === undefined)(
  'detection of media kinds (needs FFmpeg and libav)',
  () => {
    let service: Service

    beforeAll(async () => {
      service = await openFilesystemOrigin({
        MEDIA_PROXY_SECRET_KEY: SECRET,
        MEDIA_PROXY_NSFW_ENABLED: 'false',
      })
    })
    afterAll(async () => {
      await service.close()
      libav?.pool.close()
    })

    async function ask(path: string, name: string) {
      const { status, body } = await send(service.url, path, {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'upload', upload_filename: name }),
      })
      return status === 200 ? JSON.parse(body.toString()) : `${status} ${body}`
    }

    async function put(name: string, bytes: Buffer): Promise<void> {
      await service.put(`attachments/1/${name}`, bytes)
      await service.put(name, bytes, undefined, 'uploads')
    }

    it.each([
      ['H.264 in FLV', 'flv', [...H264, '-c:a', 'aac'], 'flv', 'video/x-flv'],
      [
        'Sorenson in FLV',
        'flv',
        ['-c:v', 'flv', '-q:v', '2', '-c:a', 'libmp3lame', '-ar', '44100'],
        'flv',
        'video/x-flv',
      ],
      ['WMV 2 in ASF', 'wmv', ['-c:v', 'wmv2', '-q:v', '2', '-c:a', 'libmp3lame'], 'wmv', 'video/x-ms-wmv'],
      ['WMV 1 in ASF', 'wmv', ['-c:v', 'wmv1', '-q:v', '2', '-c:a', 'aac'], 'wmv', 'video/x-ms-wmv'],
      ['H.264 in a transport stream', 'ts', [...H264, '-c:a', 'aac'], 'ts', 'video/mp2t'],
      ['MPEG-2 in the transport stream of a camera', 'm2ts', [...MPEG2, '-c:a', 'ac3'], 'ts', 'video/mp2t'],
      ['MPEG-2 in a program stream', 'mpg', [...MPEG2, '-c:a', 'ac3', '-f', 'vob'], 'mpeg', 'video/mpeg'],
      [
        'MPEG-1 in a program stream',
        'mpg',
        ['-c:v', 'mpeg1video', '-q:v', '2', '-c:a', 'libmp3lame', '-f', 'mpeg'],
        'mpeg',
        'video/mpeg',
      ],
      [
        'Theora and Vorbis',
        'ogv',
        ['-c:v', 'libtheora', '-q:v', '9', '-c:a', 'libvorbis'],
        'ogv',
        'video/ogg',
      ],
      ['Theora and Opus', 'ogg', ['-c:v', 'libtheora', '-q:v', '9', '-c:a', 'libopus'], 'ogv', 'video/ogg'],
      ['H.264 in 3GP', '3gp', [...H264, '-c:a', 'aac'], '3gp', 'video/3gpp'],
      [
        'H.263 in 3GP',
        '3gp',
        ['-s', '352x288', '-c:v', 'h263', '-q:v', '2', '-c:a', 'aac'],
        '3gp',
        'video/3gpp',
      ],
      ['MPEG-4 in 3G2', '3g2', ['-c:v', 'mpeg4', '-q:v', '2', '-c:a', 'aac'], '3gp', 'video/3gpp'],
    ] as const)('recognises a video: %s', async (_, extension, output, format, mime) => {
      const name = `film.${extension}`
      await put(name, await makeVideo(extension, SECONDS, [...SINE, ...output]))
      expect(await ask('/_sniff', name)).toEqual({ content_type: mime })
      const metadata = await ask('/_metadata', name)
      expect(metadata).toMatchObject({ format, content_type: mime, placeholder: expect.any(String) })
      expect(Math.abs(metadata.duration - 3.5)).toBeLessThanOrEqual(0.5)
      for (const [time, channel] of [
        ['', 0],
        ['&time=0.5', 0],
        ['&time=1.5', 1],
        ['&time=2.5', 2],
        ['&time=100%25', 2],
      ] as const) {
        const { status, body } = await send(service.url, `/attachments/1/${name}?format=png${time}`)
        expect(status, service.log.at(-1)?.detail).toBe(200)
        const means = (await sharp(body).stats()).channels.map(({ mean }) => mean)
        expect(means.indexOf(Math.max(...means)), time).toBe(channel)
      }
      const { frames } = await ask('/_frames', name)
      expect(frames).toHaveLength(3)
    })

    it('recognises a transport stream with parity after each packet, and shows it', async () => {
      const video = await makeVideo('ts', SECONDS, [...SINE, ...H264, '-c:a', 'aac'])
      const packets = Array.from({ length: video.length / PACKET_BYTES }, (_, at) =>
        video.subarray(at * PACKET_BYTES, (at + 1) * PACKET_BYTES),
      )
      await put('parity.ts', Buffer.concat(packets.flatMap((packet) => [packet, Buffer.alloc(16, 0xab)])))
      expect(await ask('/_metadata', 'parity.ts')).toMatchObject({ format: 'ts', width: 320, height: 192 })
      const { status, body } = await send(service.url, '/attachments/1/parity.ts?format=png&time=1.5')
      expect(status, service.log.at(-1)?.detail).toBe(200)
      const means = (await sharp(body).stats()).channels.map(({ mean }) => mean)
      expect(means.indexOf(Math.max(...means))).toBe(1)
    })

    it.each([
      ['Opus in WebM', 'webm', ['-c:a', 'libopus'], 'webm', 'audio/webm', 'audio/webm'],
      [
        'Opus in WebM of a live recording',
        'webm',
        ['-c:a', 'libopus', '-live', '1'],
        'webm',
        'audio/webm',
        'audio/webm',
      ],
      ['Vorbis in WebM', 'webm', ['-c:a', 'libvorbis'], 'webm', 'audio/webm', 'audio/webm'],
      ['AAC in Matroska', 'mkv', ['-c:a', 'aac'], 'mka', 'audio/x-matroska', 'audio/x-matroska'],
      ['FLAC in Matroska', 'mka', ['-c:a', 'flac'], 'mka', 'audio/x-matroska', 'audio/x-matroska'],
      // The list of tracks may be anywhere in an MP4.
      ['AAC in MP4', 'mp4', ['-c:a', 'aac'], 'm4a', 'audio/mp4', 'video/mp4'],
      [
        'AAC in MP4 with its index first',
        'mp4',
        ['-c:a', 'aac', '-movflags', '+faststart'],
        'm4a',
        'audio/mp4',
        'audio/mp4',
      ],
      [
        'AAC in fragmented MP4',
        'mp4',
        ['-c:a', 'aac', '-movflags', '+frag_keyframe+empty_moov'],
        'm4a',
        'audio/mp4',
        'audio/mp4',
      ],
      ['ALAC in M4A', 'm4a', ['-c:a', 'alac'], 'm4a', 'audio/mp4', 'audio/mp4'],
      ['AAC in QuickTime', 'mov', ['-c:a', 'aac'], 'm4a', 'audio/mp4', 'video/quicktime'],
      ['AAC in 3GP', '3gp', ['-c:a', 'aac'], 'm4a', 'audio/mp4', 'video/3gpp'],
    ] as const)('recognises audio only: %s', async (_, extension, output, format, mime, sniffed) => {
      const name = `sound.${extension}`
      await put(name, await makeVideo(extension, SECONDS, [...AUDIO, ...output]))
      expect(await ask('/_sniff', name)).toEqual({ content_type: sniffed })
      const metadata = await ask('/_metadata', name)
      expect(metadata).toMatchObject({ format, content_type: mime, nsfw: false })
      expect(metadata).not.toHaveProperty('width')
      expect(Math.abs(metadata.duration - 3.5)).toBeLessThanOrEqual(0.5)
      const { status, body } = await send(service.url, `/attachments/1/${name}?format=webp`)
      expect([status, body.toString()]).toEqual([400, 'Only images and videos can be transformed'])
    })

    it.each(['wmv', 'avi', 'flv', 'ts'])(
      'rejects %s with only audio as an unsupported format',
      async (extension) => {
        const audio = await makeVideo(extension, SECONDS, [...AUDIO, '-c:a', 'libmp3lame', '-ar', '44100'])
        await put(`sound.${extension}`, audio)
        expect(await ask('/_metadata', `sound.${extension}`)).toBe('400 Unsupported file format')
      },
    )

    it.each([
      ['index first, audio by its name', 'isom', ['-movflags', '+faststart'], 'video/mp4'],
      ['index first, audio by its brand', 'M4A ', ['-movflags', '+faststart'], 'video/mp4'],
      // The tracks come after the bytes that are read to identify the file.
      ['index last, audio by its name', 'isom', [], 'audio/mp4'],
      ['index last, audio by its brand', 'M4A ', [], 'audio/mp4'],
    ] as const)('treats a video declared as audio as a video: %s', async (_, brand, flags, sniffed) => {
      const video = await makeVideo('mp4', SECONDS, [...SINE, ...H264, '-c:a', 'aac', ...flags])
      video.write(brand, 8, 'latin1')
      await put('film.m4a', video)
      expect(await ask('/_sniff', 'film.m4a')).toEqual({ content_type: sniffed })
      expect(await ask('/_metadata', 'film.m4a')).toMatchObject({
        format: 'mp4',
        content_type: 'video/mp4',
        width: 320,
        placeholder: expect.any(String),
      })
      const still = await send(service.url, '/attachments/1/film.m4a?width=32&format=png')
      expect([still.status, still.headers['content-type']]).toEqual([200, 'image/png'])
      const clip = await send(service.url, '/attachments/1/film.m4a?format=mp4')
      expect([clip.status, clip.headers['content-type']]).toEqual([200, 'video/mp4'])
      expect(await ask('/_frames', 'film.m4a')).toMatchObject({ frames: [{}, {}, {}] })
      const thumbnail = await send(service.url, '/_thumbnail', {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'upload', upload_filename: 'film.m4a' }),
      })
      expect([thumbnail.status, thumbnail.headers['content-type']]).toEqual([200, 'image/jpeg'])
    })

    it('responds 400 to transformations of audio', async () => {
      await put('sound.m4a', await makeVideo('m4a', SECONDS, [...AUDIO, '-c:a', 'aac']))
      for (const query of ['width=32', 'format=mp4', 'format=webp&sprite=2x2']) {
        const { status, body } = await send(service.url, `/attachments/1/sound.m4a?${query}`)
        expect([status, body.toString()]).toEqual([400, 'Only images and videos can be transformed'])
      }
      expect(await ask('/_frames', 'sound.m4a')).toEqual({ frames: [] })
    })

    it('treats a file with decodable audio and undecodable video as audio', async () => {
      const video = await makeVideo('mp4', SECONDS, [...SINE, ...H264, '-c:a', 'aac'])
      video.fill(0, video.indexOf('mdat') + 4, video.indexOf('moov') - 4)
      await put('broken.m4a', video)
      const metadata = await ask('/_metadata', 'broken.m4a')
      expect(metadata).toMatchObject({ format: 'm4a', content_type: 'audio/mp4', duration: 3 })
      expect(metadata).not.toHaveProperty('width')
    })

    describe('rejects encrypted media with a reason', () => {
      const KEY = '00112233445566778899aabbccddeeff'
      const CENC = [
        ...['-encryption_scheme', 'cenc-aes-ctr', '-encryption_key', KEY],
        ...['-encryption_kid', KEY],
      ]
      const rejected = [400, 'File contains unsupported or non-web-compatible codecs']

      it.each<[string, string, readonly string[], (video: Buffer) => Buffer]>([
        ['a video in MP4', 'mp4', [...SINE, ...H264, '-c:a', 'aac', ...CENC], (video) => video],
        ['audio in MP4', 'm4a', [...AUDIO, '-c:a', 'aac', '-f', 'mp4', ...CENC], (video) => video],
        ['a video in WebM', 'webm', ['-c:v', 'libvpx', '-live', '1', '-write_crc32', '0'], withKeyInWebm],
      ])('%s', async (_, extension, output, change) => {
        const name = `encrypted.${extension}`
        await put(name, change(await makeVideo(extension, SECONDS, output)))
        expect(await ask('/_metadata', name)).toBe(rejected.join(' '))
        if (extension === 'm4a') return
        // The encoded frames could be copied into a clip, but no player could play it.
        for (const format of ['mp4', 'webm', 'webp']) {
          const { status, body } = await send(service.url, `/attachments/1/${name}?format=${format}`)
          expect([status, body.toString()], format).toEqual(rejected)
        }
      })
    })

    it('recognises an MP3 after zero bytes', async () => {
      const audio = await makeVideo('mp3', SECONDS, [
        ...AUDIO,
        '-c:a',
        'libmp3lame',
        '-write_xing',
        '0',
        '-id3v2_version',
        '0',
      ])
      await put('zeros.mp3', Buffer.concat([Buffer.alloc(1500), audio]))
      expect(await ask('/_sniff', 'zeros.mp3')).toEqual({ content_type: 'audio/mpeg' })
      expect(await ask('/_metadata', 'zeros.mp3')).toMatchObject({ format: 'mp3', duration: 4 })
    })

    it.each([
      ['mp3', 'audio/mpeg', ['-c:a', 'libmp3lame', '-id3v2_version', '0']],
      ['flac', 'audio/flac', ['-c:a', 'flac']],
      ['aac', 'audio/aac', ['-c:a', 'aac']],
      ['wav', 'audio/wav', ['-c:a', 'pcm_s16le']],
      ['ogg', 'audio/ogg', ['-c:a', 'libvorbis']],
      ['opus', 'audio/ogg', ['-c:a', 'libopus']],
    ] as const)('recognises %s behind ID3 tags, whatever its name', async (extension, mime, codec) => {
      // A tag with a cover hides the audio from the first bytes.
      const long = Buffer.concat([Buffer.from('ID3\x03\0\0\0\x06\0\0', 'latin1'), Buffer.alloc(6 << 14)])
      const short = Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\0\x14', 'latin1'), Buffer.alloc(20)])
      const audio = await makeVideo(extension, SECONDS, [...AUDIO, ...codec])
      await put('1', audio)
      const plain = await ask('/_metadata', '1')
      expect(plain).toMatchObject({ format: extension, content_type: mime, duration: expect.any(Number) })
      const { size, content_hash, ...facts } = plain as Record<string, unknown>
      for (const tags of [[long], [short], [short, long]]) {
        const tagged = Buffer.concat([...tags, audio])
        await put('2', tagged)
        expect(await ask('/_metadata', '2')).toMatchObject({ ...facts, size: tagged.length })
        expect(await ask('/_sniff', '2')).toEqual({ content_type: mime })
      }
    })
  },
)

/** Tells that the only track of a WebM is encrypted (RFC 9559, section 5.1.4.1.31). */
function withKeyInWebm(video: Buffer): Buffer {
  const at = video.lastIndexOf('1654ae6b', undefined, 'hex')
  const tracks = contentAt(video, at + 4)
  const entry = contentAt(video, tracks.start + 1)
  const encryption = element('5035', element('47e1', Buffer.of(5)), element('47e2', Buffer.alloc(16, 1)))
  const encoding = element('6240', element('5033', Buffer.of(1)), encryption)
  const track = element('ae', video.subarray(entry.start, entry.end), element('6d80', encoding))
  return Buffer.concat([video.subarray(0, at), element('1654ae6b', track), video.subarray(tracks.end)])
}

/** What an element holds whose size stands at a place. */
function contentAt(video: Buffer, at: number): { readonly start: number; readonly end: number } {
  const length = Math.clz32(video[at] ?? 0) - 23
  // Of the longest ones the lower four bytes tell enough.
  const size = length === 8 ? video.readUInt32BE(at + 4) : video.readUIntBE(at, length) - 2 ** (7 * length)
  return { start: at + length, end: at + length + size }
}

function element(id: string, ...content: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(content)
  const size = Buffer.of(0x10, 0, 0, 0)
  size.writeUInt32BE(0x1000_0000 + bytes.length)
  return Buffer.concat([Buffer.from(id, 'hex'), size, bytes])
}
