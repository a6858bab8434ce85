import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import {
  CORNERS,
  canEncode,
  canFilter,
  FFMPEG,
  makeVideo,
  remakeVideo,
  SECONDS,
  withFile,
} from '../videos.ts'

const RED = [255, 0, 0]
const LIME = [0, 255, 0]
const BLUE = [0, 0, 255]
const WHITE = [255, 255, 255]
const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-crf', '10']
/** The maximum by which colour conversion, chroma subsampling and coding may be off together, out of 255. */
const TOLERANCE = 12

describe.skipIf(FFMPEG === undefined)('stills of generated videos (skipped without FFmpeg)', () => {
  let service: Service
  let upright: Buffer

  beforeAll(async () => {
    service = await openFilesystemOrigin()
    upright = await makeVideo('mp4', CORNERS, H264, 1)
  })
  afterAll(() => service.close())

  async function still(name: string, bytes: Buffer, query = 'format=png') {
    await service.put(`attachments/1/${name}`, bytes)
    const response = await send(service.url, `/attachments/1/${name}?${query}`)
    expect(response.status, service.log.at(-1)?.detail ?? '').toBe(200)
    return image(response.body)
  }

  it.each([
    [0, [RED, LIME, BLUE, WHITE], [320, 192]],
    [90, [BLUE, RED, WHITE, LIME], [192, 320]],
    [180, [WHITE, BLUE, LIME, RED], [320, 192]],
    [270, [LIME, WHITE, RED, BLUE], [192, 320]],
  ])('show a video rotated by %i degrees upright', async (degrees, corners, [width, height]) => {
    const turned = await withFile(upright, (path) =>
      remakeVideo({ path }, 'mp4', ['-metadata:s:v', `rotate=${360 - degrees}`, '-c', 'copy']),
    )
    const found = await still(`turned-${degrees}.mp4`, degrees === 0 ? upright : turned)
    expect([found.width, found.height]).toEqual([width, height])
    expectCorners(found, corners)
  })

  it('stretch pixels that are not square', async () => {
    const anamorphic = await makeVideo('mp4', `${CORNERS},setsar=4/3`, H264, 1)
    const found = await still('anamorphic.mp4', anamorphic)
    expect([found.width, found.height]).toEqual([427, 192])
    expectCorners(found, [RED, LIME, BLUE, WHITE])
  })

  const codecs = [
    ['h264 with its index last', 'mp4', 'libx264', [...H264, '-bf', '2']],
    ['h264 in fragments', 'mp4', 'libx264', [...H264, '-movflags', 'frag_keyframe+empty_moov']],
    ['h264 in QuickTime', 'mov', 'libx264', H264],
    ['h264 in Matroska', 'mkv', 'libx264', H264],
    ['hevc', 'mp4', 'libx265', ['-c:v', 'libx265', '-pix_fmt', 'yuv420p', '-x265-params', 'log-level=none']],
    ['vp8', 'webm', 'libvpx', ['-c:v', 'libvpx', '-b:v', '2M']],
    ['vp9', 'webm', 'libvpx-vp9', ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8']],
    ['av1', 'mp4', 'libsvtav1', ['-c:v', 'libsvtav1', '-preset', '12']],
    ['prores', 'mov', 'prores_ks', ['-c:v', 'prores_ks', '-profile:v', '2']],
    ['mpeg4 in MP4', 'mp4', 'mpeg4', ['-c:v', 'mpeg4', '-q:v', '2']],
    ['mpeg4 in AVI', 'avi', 'mpeg4', ['-c:v', 'mpeg4', '-q:v', '2']],
    ['msmpeg4v3 in AVI', 'avi', 'msmpeg4', ['-c:v', 'msmpeg4', '-q:v', '2']],
    ['mjpeg in AVI', 'avi', 'mjpeg', ['-c:v', 'mjpeg', '-q:v', '2', '-pix_fmt', 'yuvj420p']],
    ['mpeg2video in Matroska', 'mkv', 'mpeg2video', ['-c:v', 'mpeg2video', '-q:v', '2']],
    ['wmv2 in AVI', 'avi', 'wmv2', ['-c:v', 'wmv2', '-q:v', '2']],
    ['wmv2 in Matroska', 'mkv', 'wmv2', ['-c:v', 'wmv2', '-q:v', '2']],
    ['theora in Matroska', 'mkv', 'libtheora', ['-c:v', 'libtheora', '-q:v', '8']],
    ['h264 in AVI', 'avi', 'libx264', H264],
  ] as const

  it.each(codecs)('show the frame of %s', async (name, extension, encoder, output) => {
    // An FFmpeg without the encoder cannot make the video, so it is not tested.
    if (!(await canEncode(encoder))) return console.warn(`${name}: no encoder ${encoder}, not tried`)
    const video = await makeVideo(extension, CORNERS, output, 1)
    const found = await still(`${name.replaceAll(' ', '-')}.${extension}`, video)
    expect([found.width, found.height]).toEqual([320, 192])
    expectCorners(found, [RED, LIME, BLUE, WHITE])
  })

  it.each([
    ['', RED],
    ['time=0.5', RED],
    ['time=1.5', LIME],
    ['time=2.96', BLUE],
    ['time=1', LIME],
    ['time=0.999', RED],
    ['time=50%25', LIME],
    ['time=0%25', RED],
    ['time=100%25', BLUE],
    ['time=9999', BLUE],
  ])('show the frame at "%s"', async (time, colour) => {
    const oneKeyFrame = await makeVideo('mp4', SECONDS, [
      ...H264,
      '-g',
      '250',
      '-bf',
      '3',
      '-sc_threshold',
      '0',
    ])
    const found = await still('seconds.mp4', oneKeyFrame, `format=png&${time}`)
    expectCorners(found, [colour, colour, colour, colour])
  })

  it.each([
    ['mp4', [...H264, '-fps_mode', 'vfr']],
    ['flv', [...H264, '-bf', '2', '-flvflags', 'no_duration_filesize+no_metadata']],
    ['mkv', [...H264, '-bf', '2']],
    ['ts', [...H264, '-bf', '2']],
  ] as const)('show the last frame of %s, whatever duration it declares', async (extension, output) => {
    // Two seconds of red, then one blue frame that comes late.
    const late = "setpts='if(lt(N,50),N/25,2.13)/TB'"
    const video = `color=red:s=160x96:r=25,trim=end_frame=51,drawbox=c=blue:t=fill:enable='gte(n,50)',${late}`
    const audio = ['-f', 'lavfi', '-i', 'sine=d=1', '-map', '0:v', '-map', '1:a']
    const bytes = await makeVideo(extension, video, [...audio, ...output])
    const found = await still(`late.${extension}`, bytes, 'format=png&time=100%25')
    expectCorners(found, [BLUE, BLUE, BLUE, BLUE])
    const before = await still(`late.${extension}`, bytes, 'format=png&time=1')
    expectCorners(before, [RED, RED, RED, RED])
  })

  it.each([
    ['time=1.5', LIME],
    ['time=99', BLUE],
  ])('show the frame at "%s" of a container that only FFmpeg reads', async (time, colour) => {
    const found = await still(
      'seconds.avi',
      await makeVideo('avi', SECONDS, ['-c:v', 'mpeg4', '-q:v', '2']),
      `format=png&${time}`,
    )
    expectCorners(found, [colour, colour, colour, colour])
  })

  it.each([
    ['h264', [...H264, '-sc_threshold', '0', '-bf', '2']],
    ['mpeg4', ['-c:v', 'mpeg4', '-q:v', '2', '-sc_threshold', '1000000000']],
  ] as const)('show the right frame of %s when all are marked as key frames', async (codec, coder) => {
    const video = Buffer.from(await makeVideo('mp4', SECONDS, [...coder, '-g', '250']))
    // Without a list of key frames, every frame is one (ISO/IEC 14496-12, section 8.6.2).
    video.write('free', video.indexOf('stss', 0, 'latin1'), 'latin1')
    for (const [time, colour] of [
      ['time=0.5', RED],
      ['time=1.48', LIME],
      ['time=1.5', LIME],
      ['time=2.5', BLUE],
      ['time=100%25', BLUE],
    ] as const) {
      const found = await still(`all-key-${codec}.mp4`, video, `format=png&${time}`)
      expectCorners(found, [colour, colour, colour, colour])
    }
  })

  it.each([
    ['time=0.5', RED],
    ['time=1.5', LIME],
    ['time=1.96', LIME],
    ['time=100%25', BLUE],
  ])('show the frame at "%s" of a file that is cut off', async (time, colour) => {
    const video = await makeVideo('avi', SECONDS, ['-c:v', 'msmpeg4', '-q:v', '2', '-g', '250'])
    const found = await still('cut.avi', video.subarray(0, video.length * 0.85), `format=png&${time}`)
    expectCorners(found, [colour, colour, colour, colour])
  })

  it.each([
    ['mp4', H264],
    ['mkv', H264],
  ] as const)('show the right frame of %s with a late first timestamp', async (extension, coder) => {
    const video = await makeVideo(extension, SECONDS, [...coder, '-output_ts_offset', '100'])
    for (const [time, colour] of [
      ['', RED],
      ['time=0.5', RED],
      ['time=1.5', LIME],
      ['time=50%25', LIME],
      ['time=100%25', BLUE],
    ] as const) {
      const found = await still(`late.${extension}`, video, `format=png&${time}`)
      expectCorners(found, [colour, colour, colour, colour])
    }
  })

  const matrices = [
    ['bt709', 'limited'],
    ['bt601', 'limited'],
    ['bt709', 'full'],
    ['bt2020', 'limited'],
  ] as const
  it.each(matrices)('have the right colours for %s in %s range', async (matrix, range) => {
    const tag = { bt709: 'bt709', bt601: 'smpte170m', bt2020: 'bt2020nc' }[matrix]
    const wide = range === 'full' ? 'pc' : 'tv'
    const video = await makeVideo(
      'mp4',
      `${CORNERS},scale=out_color_matrix=${matrix}:out_range=${range},format=yuv420p`,
      [...H264, '-colorspace', tag, '-color_range', wide],
      1,
    )
    expectCorners(await still(`${matrix}-${range}.mp4`, video), [RED, LIME, BLUE, WHITE])
  })

  it.each([8, 10, 11, 12, 13, 14])(
    'ignore matrix %i, which the converter does not support',
    async (matrix) => {
      const video = await makeVideo('mp4', `${CORNERS},scale=out_color_matrix=bt601,format=yuv420p`, [
        ...H264,
        '-bsf:v',
        `h264_metadata=matrix_coefficients=${matrix}`,
      ])
      expectCorners(await still(`matrix-${matrix}.mp4`, video), [RED, LIME, BLUE, WHITE])
    },
  )

  it('assume BT.709 for a large video that declares no matrix, and BT.601 for a small one', async () => {
    for (const [size, matrix] of [
      ['1280x720', 'bt709'],
      ['640x360', 'bt601'],
    ] as const) {
      const source = `color=red:s=${size},scale=out_color_matrix=${matrix},format=yuv420p`
      const video = await makeVideo('mp4', source, H264, 0.2)
      expectCorners(await still(`undeclared-${size}.mp4`, video), [RED, RED, RED, RED])
    }
  })

  it.each(['smpte2084', 'arib-std-b67'])('map HDR to sRGB: %s', async (transfer) => {
    // An FFmpeg without the encoder or the filter cannot make the video, so it is not tested.
    if (!(await canEncode('libx265')) || !(await canFilter('zscale'))) return console.warn('HDR: not tried')
    const linear =
      'format=gbrp,setparams=colorspace=gbr:color_primaries=bt709:color_trc=iec61966-2-1:range=pc,' +
      'zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020'
    const coded = `zscale=t=${transfer}:npl=203,format=gbrp16le,zscale=m=2020_ncl:r=limited,format=yuv420p10le`
    const tags = `log-level=none:colorprim=bt2020:transfer=${transfer}:colormatrix=bt2020nc`
    const source = `color=0x4060a0:s=160x96,${linear},${coded}`
    const video = await makeVideo('mp4', source, ['-c:v', 'libx265', '-x265-params', tags], 0.2)
    const { at } = await still(`${transfer}.mp4`, video)
    const [red = 0, green = 0, blue = 0] = at(0.5, 0.5)
    // Below the knee of the curve, a colour is unchanged.
    expect(Math.max(Math.abs(red - 0x40), Math.abs(green - 0x60), Math.abs(blue - 0xa0))).toBeLessThan(14)
  })

  it('keep alpha when the output format has it', async () => {
    const source = `${CORNERS},format=rgba,colorchannelmixer=aa=0.5`
    const video = await makeVideo(
      'webm',
      source,
      ['-c:v', 'libvpx-vp9', '-pix_fmt', 'yuva420p', '-cpu-used', '8'],
      0.5,
    )
    await service.put('attachments/1/alpha.webm', video)
    const { body } = await send(service.url, '/attachments/1/alpha.webm?format=png')
    const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
    expect(info.channels).toBe(4)
    expect(Math.abs((data[3] ?? 0) - 128)).toBeLessThan(6)
  })

  it.each(['90', '180'])(
    'are WebP when a transformation of a rotated video (%s) has no format',
    async (degrees) => {
      const turned = await withFile(upright, (path) =>
        remakeVideo({ path }, 'mp4', ['-metadata:s:v', `rotate=${degrees}`, '-c', 'copy']),
      )
      await service.put('attachments/1/small.mp4', turned)
      const { body, headers } = await send(service.url, '/attachments/1/small.mp4?width=64')
      expect(headers['content-type']).toBe('image/webp')
      expect((await sharp(body).metadata()).width).toBe(64)
    },
  )

  it('scale a much larger frame while it is converted, and keep its colours', async () => {
    const large = await makeVideo(
      'mp4',
      `${CORNERS},scale=3840:2304:flags=neighbor:out_color_matrix=bt709,format=yuv420p`,
      H264,
      0.2,
    )
    const found = await still('large.mp4', large, 'format=png&width=240')
    expect([found.width, found.height]).toEqual([240, 144])
    expectCorners(found, [RED, LIME, BLUE, WHITE])
  })
})

interface Decoded {
  readonly width: number
  readonly height: number
  readonly at: (x: number, y: number) => readonly number[]
}

async function image(bytes: Buffer): Promise<Decoded> {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  return {
    width,
    height,
    at(x, y) {
      const start = (Math.floor(y * height) * width + Math.floor(x * width)) * 3
      return [...data.subarray(start, start + 3)]
    },
  }
}

/** Top left, top right, bottom left, bottom right. */
function expectCorners(found: Decoded, corners: readonly (readonly number[])[]): void {
  const places = [
    [0.25, 0.25],
    [0.75, 0.25],
    [0.25, 0.75],
    [0.75, 0.75],
  ] as const
  places.forEach(([x, y], index) => {
    const colour = found.at(x, y)
    const worst = Math.max(
      ...colour.map((value, channel) => Math.abs(value - (corners[index]?.[channel] ?? 0))),
    )
    expect(worst, `corner ${index} is ${colour}, wanted ${corners[index]}`).toBeLessThanOrEqual(TOLERANCE)
  })
}
