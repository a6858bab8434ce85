/** Tests the durations of audio files whose header declares none, or a wrong one. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG, makeVideo } from '../videos.ts'

const SECRET = 'a-secret-for-tests'
const SECONDS = 40
const MP3_FRAME_SAMPLES = 1152
const libav = await loadLibav()
/** Silence, then noise: the bit rate of the first seconds says nothing about the rest. */
const GROWING = `aevalsrc=if(lt(t\\,10)\\,0\\,random(0)-0.5):d=${SECONDS}:s=44100`
const SHRINKING = `aevalsrc=if(lt(t\\,30)\\,random(0)-0.5\\,0):d=${SECONDS}:s=44100`
const VBR = ['-c:a', 'libmp3lame', '-q:a', '2', '-write_xing', '0', '-id3v2_version', '0']

const WITH_SINE = [
  '-f',
  'lavfi',
  '-i',
  'sine=r=48000:d=4',
  '-map',
  '0:v',
  '-map',
  '1:a',
  '-pix_fmt',
  'yuv420p',
]

/** Adds a header of Fraunhofer's encoder before the frames. */
function withVbri(frames: Buffer, count: number): Buffer {
  const header = Buffer.alloc(417)
  header.writeUInt32BE(0xfffb9064)
  header.write('VBRI', 36, 'latin1')
  header.writeUInt16BE(1, 40)
  header.writeUInt16BE(75, 44)
  header.writeUInt32BE(frames.length + header.length, 46)
  header.writeUInt32BE(count, 50)
  return Buffer.concat([header, frames])
}

/** Adds an ID3 tag (version 2.3) with a PNG cover before the frames. */
function withCover(frames: Buffer, png: Buffer): Buffer {
  const description = Buffer.from('\0image/png\0\x03\0', 'latin1')
  const picture = Buffer.alloc(10)
  picture.write('APIC', 'latin1')
  picture.writeUInt32BE(description.length + png.length, 4)
  const tag = Buffer.from('ID3\x03\0\0\0\0\0\0', 'latin1')
  const size = picture.length + description.length + png.length
  for (const [index, shift] of [21, 14, 7, 0].entries()) tag[6 + index] = (size >> shift) & 0x7f
  return Buffer.concat([tag, picture, description, png, frames])
}

/** Returns an Ogg without the pages in its middle third. */
function withGap(file: Buffer): Buffer {
  const starts: number[] = []
  for (let at = file.indexOf('OggS'); at >= 0; at = file.indexOf('OggS', at + 4)) starts.push(at)
  const third = Math.floor(starts.length / 3)
  return Buffer.concat([file.subarray(0, starts[third]), file.subarray(starts[2 * third])])
}

/** Returns a file that was allocated before it was written, with twice the space that it needs. */
function withZeros(file: Buffer): Buffer {
  return Buffer.concat([file, Buffer.alloc(file.length)])
}

/**
 * Returns an Ogg whose recording began in the middle of a stream: its headers, and the second half of its
 * pages.
 */
function joinedLate(file: Buffer): Buffer {
  const starts: number[] = []
  for (let at = file.indexOf('OggS'); at >= 0; at = file.indexOf('OggS', at + 4)) starts.push(at)
  const first = starts.find((at) => file.readBigInt64LE(at + 6) > 0n)
  return Buffer.concat([file.subarray(0, first), file.subarray(starts[Math.floor(starts.length / 2)])])
}

/** Builds an Ogg of two streams, one after the other. */
async function chained(extension: string, codec: readonly string[], serials = [1, 2]): Promise<Buffer> {
  const [first, second] = serials.map((serial) => [...codec, '-serial_offset', String(serial)])
  const part = (output: readonly string[] = [], seconds = 0) =>
    makeVideo(extension, GROWING, ['-fflags', '+bitexact', ...output], seconds)
  return Buffer.concat([await part(first, SECONDS / 4), await part(second, (3 * SECONDS) / 4)])
}

describe.skipIf(FFMPEG === undefined || libav === undefined)(
  'durations of audio files (need FFmpeg and libav)',
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

    it.each([
      ['MP3 of an increasing bit rate', 'mp3', () => makeVideo('mp3', GROWING, VBR, SECONDS)],
      ['MP3 of a decreasing bit rate', 'mp3', () => makeVideo('mp3', SHRINKING, VBR, SECONDS)],
      ['MP3 of MPEG-2', 'mp3', () => makeVideo('mp3', GROWING, [...VBR, '-ar', '22050'], SECONDS)],
      [
        'MP3 of a constant bit rate',
        'mp3',
        () => makeVideo('mp3', GROWING, ['-c:a', 'libmp3lame', '-b:a', '96k', '-write_xing', '0'], SECONDS),
      ],
      [
        'MP3 with a Xing header',
        'mp3',
        () => makeVideo('mp3', GROWING, ['-c:a', 'libmp3lame', '-q:a', '2'], SECONDS),
      ],
      [
        'MP3 with a VBRI header',
        'mp3',
        async () =>
          withVbri(
            await makeVideo('mp3', GROWING, VBR, SECONDS),
            Math.round((SECONDS * 44_100) / MP3_FRAME_SAMPLES),
          ),
      ],
      ['AAC of an increasing bit rate', 'aac', () => makeVideo('aac', GROWING, ['-c:a', 'aac'], SECONDS)],
      [
        'AAC with a cover in its ID3 tag',
        'aac',
        async () =>
          withCover(
            await makeVideo('aac', GROWING, ['-c:a', 'aac'], SECONDS),
            await makeVideo('png', 'color=red:s=16x16', ['-frames:v', '1']),
          ),
      ],
      ['Vorbis', 'ogg', () => makeVideo('ogg', GROWING, ['-c:a', 'libvorbis'], SECONDS)],
      [
        'Vorbis with a gap',
        'ogg',
        async () => withGap(await makeVideo('ogg', GROWING, ['-c:a', 'libvorbis'], SECONDS)),
      ],
      [
        'Opus with a gap',
        'opus',
        async () => withGap(await makeVideo('opus', GROWING, ['-c:a', 'libopus'], SECONDS)),
      ],
      [
        'Vorbis with zeros at its end',
        'ogg',
        async () => withZeros(await makeVideo('ogg', GROWING, ['-c:a', 'libvorbis'], SECONDS)),
      ],
      [
        'Opus with zeros at its end',
        'opus',
        async () => withZeros(await makeVideo('opus', GROWING, ['-c:a', 'libopus'], SECONDS)),
      ],
      ['Vorbis in two links', 'ogg', () => chained('ogg', ['-c:a', 'libvorbis'])],
      ['Opus in two links', 'opus', () => chained('opus', ['-c:a', 'libopus'])],
      ['Opus in two links of one serial number', 'opus', () => chained('opus', ['-c:a', 'libopus'], [1, 1])],
      [
        'Vorbis in two links of one serial number',
        'ogg',
        () => chained('ogg', ['-c:a', 'libvorbis'], [1, 1]),
      ],
      [
        'Opus in WebM without a duration',
        'webm',
        () => makeVideo('webm', GROWING, ['-c:a', 'libopus', '-live', '1'], SECONDS),
      ],
    ] as const)('are exact to a second: %s', async (_, extension, make) => {
      expect([SECONDS, SECONDS + 1]).toContain(await durationOf(`sound.${extension}`, await make()))
    })

    it.each([
      ['of a constant bit rate', ['-b:a', '128k']],
      ['of a variable bit rate', ['-q:a', '4']],
    ])('exclude the padding that the encoder adds around an MP3 %s', async (_, rate) => {
      const audio = await makeVideo('mp3', GROWING, ['-c:a', 'libmp3lame', ...rate], 4)
      expect(await durationOf('sound.mp3', audio)).toBe(4)
    })

    it('are read from the first frame of an MP3 that declares them', async () => {
      const audio = await makeVideo('mp3', GROWING, ['-c:a', 'libmp3lame', '-b:a', '320k'], SECONDS)
      const tagged = Buffer.concat([audio, Buffer.from('TAG'.padEnd(128, '\0'), 'latin1')])
      for (const file of [audio, tagged]) {
        const before = service.storeOperations.length
        expect(await durationOf('declared.mp3', file)).toBe(SECONDS)
        const read = service.storeOperations.slice(before).reduce((sum, { bytes }) => sum + bytes, 0)
        // All of it is read once, for its hash.
        expect(read).toBeLessThan(1.5 * file.length)
      }
    })

    it('are not those that an MP3 declares when it was cut or joined', async () => {
      const audio = await makeVideo('mp3', GROWING, ['-c:a', 'libmp3lame', '-b:a', '96k'], SECONDS)
      const cut = await durationOf('cut.mp3', audio.subarray(0, audio.length / 2))
      expect(Math.abs(cut - SECONDS / 2)).toBeLessThanOrEqual(1)
      const joined = await durationOf('joined.mp3', Buffer.concat([audio, audio]))
      expect(Math.abs(joined - 2 * SECONDS)).toBeLessThanOrEqual(1)
    })

    it.each([
      ['Ogg', 'opus', []],
      ['WebM', 'webm', []],
      ['MP4', 'mp4', []],
      ['fragmented MP4', 'mp4', ['-movflags', '+frag_keyframe+empty_moov']],
      ['fragmented MP4 with an edit list', 'mp4', ['-movflags', '+frag_keyframe+delay_moov']],
    ])('Opus in %s does not count its pre-skip', async (_, extension, output) => {
      const audio = await makeVideo(extension, GROWING, ['-c:a', 'libopus', ...output], 4)
      expect(await durationOf(`sound.${extension}`, audio)).toBe(4)
    })

    it.each([
      ['VP9 and Opus in WebM', 'webm', ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-c:a', 'libopus']],
      ['Theora and Opus in Ogg', 'ogv', ['-c:v', 'libtheora', '-c:a', 'libopus']],
      [
        'AAC in fragments',
        'mp4',
        ['-c:v', 'libx264', '-c:a', 'aac', '-movflags', '+frag_keyframe+delay_moov'],
      ],
    ])('%s do not count the samples before the audio', async (_, extension, output) => {
      const video = await makeVideo(extension, 'color=red:s=64x64:r=25:d=4', [...WITH_SINE, ...output], 4)
      expect(await durationOf(`video.${extension}`, video)).toBe(4)
    })

    it('a transport stream lasts from its first video frame, also if audio precedes it', async () => {
      const output = [
        '-vf',
        'setpts=PTS+1.5/TB',
        '-fps_mode',
        'passthrough',
        '-c:v',
        'libx264',
        '-c:a',
        'aac',
      ]
      const video = await makeVideo('ts', 'color=red:s=64x64:r=25:d=2.5', [...WITH_SINE, ...output], 4)
      expect(await durationOf('broadcast.ts', video)).toBe(3)
    })

    it('FLAC in Ogg lasts as long as all its links', async () => {
      const part = (hertz: number) => makeVideo('oga', GROWING, ['-c:a', 'flac', '-ar', String(hertz)], 3)
      expect(await durationOf('sound.oga', Buffer.concat([await part(48_000), await part(44_100)]))).toBe(6)
    })

    it.each([
      ['Opus', 'libopus'],
      ['Vorbis', 'libvorbis'],
    ])(
      '%s that was recorded from the middle of a stream lasts as long as the recording',
      async (_, codec) => {
        const audio = await makeVideo('ogg', GROWING, ['-c:a', codec, '-page_duration', '500000'], SECONDS)
        const duration = await durationOf('late.ogg', joinedLate(audio))
        expect(Math.abs(duration - SECONDS / 2)).toBeLessThanOrEqual(1)
      },
    )

    it('a file of two joined WebM recordings lasts as long as the first, which is all that plays', async () => {
      const recording = await makeVideo('webm', GROWING, ['-c:a', 'libopus', '-live', '1'], 4)
      expect(await durationOf('joined.webm', Buffer.concat([recording, recording]))).toBeLessThanOrEqual(5)
    })

    it('exclude the start time of a fragmented recording of a broadcast', async () => {
      const video = await makeVideo('mp4', 'color=red:s=64x64:r=25', [
        ...['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-g', '25', '-video_track_timescale', '1000'],
        ...['-movflags', '+empty_moov+default_base_moof+frag_keyframe'],
      ])
      for (let at = video.indexOf('tfdt'); at >= 0; at = video.indexOf('tfdt', at + 4))
        video.writeBigUInt64BE(video.readBigUInt64BE(at + 8) + 1_000_000n, at + 8)
      expect(await durationOf('late.mp4', video)).toBeLessThanOrEqual(4)
    })

    it('a long fragmented file without an index lasts as long as all its fragments', async () => {
      const output = ['-c:v', 'libx264', '-movflags', '+frag_every_frame+empty_moov+default_base_moof']
      const video = await makeVideo('mp4', 'color=red:s=32x32:r=25', output, 45)
      // The space between the headers of the fragments is what makes a long file expensive to describe.
      const space = Buffer.alloc(64 * 1024)
      space.writeUInt32BE(space.length)
      space.write('free', 4, 'latin1')
      const parts: Buffer[] = []
      let from = 0
      for (let at = video.indexOf('moof'); at >= 0; at = video.indexOf('moof', at + 4)) {
        parts.push(video.subarray(from, at - 4), space)
        from = at - 4
      }
      const long = Buffer.concat([...parts, video.subarray(from)])
      expect(await durationOf('long.mp4', long)).toBe(45)
    })

    it('a large recording that declares no duration is not read through to describe it', async () => {
      const output = [
        '-c:v',
        'libx264',
        '-preset',
        'ultrafast',
        '-qp',
        '2',
        '-pix_fmt',
        'yuv420p',
        '-live',
        '1',
      ]
      // The first `-t` would apply to the second input, so the graph limits the video.
      const noise = 'testsrc2=s=320x192:r=10:d=6,noise=alls=90:allf=t'
      const video = await makeVideo('mkv', noise, [...WITH_SINE, ...output], 6)
      expect(video.length).toBeGreaterThan(4.5 * 1024 * 1024)
      expect(await durationOf('recording.mkv', video)).toBe(6)
      await service.put('attachments/1/recording.mkv', video)
      const before = service.storeOperations.length
      const { status } = await send(service.url, '/attachments/1/recording.mkv?width=100&format=webp')
      expect(status).toBe(200)
      const bytes = service.storeOperations.slice(before).reduce((sum, read) => sum + read.bytes, 0)
      expect(bytes).toBeLessThan(video.length / 2)
    })

    it('an audio file whose index has no samples is rejected, as a video is', async () => {
      const file = await makeVideo(
        'mp4',
        GROWING,
        ['-c:a', 'aac', '-movflags', '+frag_keyframe+empty_moov+default_base_moof'],
        1,
      )
      const initialization = file.subarray(0, file.indexOf('moof') - 4)
      const { status, body } = await describeFile('initialization.mp4', initialization)
      expect([status, body.toString()]).toEqual([400, 'Bad Request'])
    })

    async function durationOf(name: string, file: Buffer): Promise<number> {
      const { status, body } = await describeFile(name, file)
      expect(status, service.log.at(-1)?.detail).toBe(200)
      return JSON.parse(body.toString()).duration
    }

    async function describeFile(name: string, file: Buffer) {
      await service.put(name, file, undefined, 'uploads')
      return send(service.url, '/_metadata', {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'upload', upload_filename: name }),
      })
    }
  },
)
