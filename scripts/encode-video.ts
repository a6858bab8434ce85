/** Videos encoded by libav in this process, so that a film to look at needs no program beside the packages. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Libav } from '@media-proxy/origin/engine/process/libav/load.ts'

type Library = Libav['library']
type CodecContext = InstanceType<Library['CodecContext']>
type FormatContext = InstanceType<Library['FormatContext']>
type Frame = InstanceType<Library['Frame']>

export interface Film {
  readonly width: number
  readonly height: number
  readonly framesPerSecond: number
  /** What is shown, frame after frame: rows of RGB, or of RGBA where the encoding has alpha. */
  readonly frames: AsyncIterable<Buffer> | Iterable<Buffer>
  /** One channel, from -1 to 1. */
  readonly audio?: { readonly samples: Float32Array; readonly rateHz: number }
}

/** H.264 and AAC in MP4, with its index first; VP9 with alpha in WebM, without sound. */
export type Encoding = 'mp4' | 'webm'

/** Frames from one key frame to the next. */
const GROUP_FRAMES = 24
const AAC_BITS_PER_SECOND = 64_000n

/** Encodes a film. Throws where this build of libav cannot. */
export async function encodeVideo(libav: Libav, film: Film, encoding: Encoding): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-film-'))
  try {
    // A file, since the muxer reads again what it wrote to put the index first.
    const path = join(folder, `film.${encoding}`)
    await writeFilm(libav, film, encoding, path)
    return await readFile(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function writeFilm(libav: Libav, film: Film, encoding: Encoding, path: string): Promise<void> {
  using file = openOutput(libav, encoding, path)
  const { output } = file
  using video = videoTrack(libav, output, film, encoding)
  using audio = film.audio === undefined ? undefined : audioTrack(libav, output, film.audio.rateHz)
  using paint = painter(libav, film, encoding)
  must('file', output.openOutputSync())
  using options = libav.library.Dictionary.fromObject(encoding === 'mp4' ? { movflags: '+faststart' } : {})
  must('header', output.writeHeaderSync(options))
  let shown = 0n
  for await (const pixels of film.frames) {
    using picture = paint.frame(pixels, shown)
    video.encode(picture)
    shown += 1n
  }
  video.encode(null)
  if (audio !== undefined && film.audio !== undefined) {
    for (const frame of audioFrames(libav, film.audio, audio.frameSamples)) {
      using samples = frame
      audio.encode(samples)
    }
    audio.encode(null)
  }
  must('trailer', output.writeTrailerSync())
}

function openOutput({ library }: Libav, encoding: Encoding, path: string) {
  const output = new library.FormatContext()
  must('output', output.allocOutputContext2(null, encoding, path))
  return {
    output,
    [Symbol.dispose]() {
      output.closeOutputSync()
      output.freeContext()
    },
  }
}

interface Track extends Disposable {
  /** Samples that each frame but the last one has; 0 for pictures. */
  readonly frameSamples: number
  /** Encodes a frame and writes what comes out; null ends the track. */
  encode(frame: Frame | null): void
}

function videoTrack(
  libav: Libav,
  output: FormatContext,
  { width, height, framesPerSecond }: Film,
  encoding: Encoding,
): Track {
  const { library, constants } = libav
  return openTrack(
    libav,
    output,
    encoding === 'mp4' ? constants.FF_ENCODER_LIBX264 : constants.FF_ENCODER_LIBVPX_VP9,
    (context) => {
      context.width = width
      context.height = height
      context.timeBase = new library.Rational(1, framesPerSecond)
      context.framerate = new library.Rational(framesPerSecond, 1)
      context.gopSize = GROUP_FRAMES
      context.pixelFormat = encoding === 'mp4' ? constants.AV_PIX_FMT_YUV420P : constants.AV_PIX_FMT_YUVA420P
      context.colorSpace = constants.AVCOL_SPC_BT709
      context.colorPrimaries = constants.AVCOL_PRI_BT709
      context.colorTrc = constants.AVCOL_TRC_BT709
      context.colorRange = constants.AVCOL_RANGE_MPEG
      const quality = encoding === 'mp4' ? { preset: 'veryfast', crf: 23 } : { 'cpu-used': 8, crf: 20 }
      for (const [name, value] of Object.entries(quality)) context.setOption(name, value)
    },
  )
}

function mono({ constants }: Libav) {
  return { nbChannels: 1, order: constants.AV_CHANNEL_ORDER_NATIVE, mask: MONO_MASK }
}

function audioTrack(libav: Libav, output: FormatContext, rateHz: number): Track {
  const { library, constants } = libav
  return openTrack(libav, output, constants.FF_ENCODER_AAC, (context) => {
    context.sampleRate = rateHz
    context.sampleFormat = constants.AV_SAMPLE_FMT_FLTP
    context.channelLayout = mono(libav)
    context.timeBase = new library.Rational(1, rateHz)
    context.bitRate = AAC_BITS_PER_SECOND
  })
}

/** The one bit of the front centre, as FFmpeg's AV_CHANNEL_LAYOUT_MONO has it. */
const MONO_MASK = 4n

type EncoderName = Parameters<Library['Codec']['findEncoderByName']>[0]

function openTrack(
  { library, constants }: Libav,
  output: FormatContext,
  name: EncoderName,
  set: (context: CodecContext) => void,
): Track {
  const codec = library.Codec.findEncoderByName(name)
  if (codec === null) throw new Error(`libav has no encoder ${name}`)
  const context = new library.CodecContext()
  context.allocContext3(codec)
  set(context)
  // Parameter sets beside the stream, where MP4 and Matroska keep them.
  context.setFlags(constants.AV_CODEC_FLAG_GLOBAL_HEADER)
  must(name, context.open2Sync(codec))
  const stream = output.newStream(codec)
  must(name, context.parametersFromContext(stream.codecpar))
  stream.timeBase = context.timeBase
  const packet = new library.Packet()
  packet.alloc()
  return {
    frameSamples: context.frameSize,
    encode(frame) {
      must(name, context.sendFrameSync(frame))
      while (context.receivePacketSync(packet) >= 0) {
        packet.streamIndex = stream.index
        // Encoders of pictures leave it to the muxer, which knows none for the last one.
        if (packet.duration === 0n) packet.duration = 1n
        // The muxer chose its own when it wrote the header.
        packet.rescaleTs(context.timeBase, stream.timeBase)
        must('packet', output.interleavedWriteFrameSync(packet))
        packet.unref()
      }
    },
    [Symbol.dispose]() {
      packet.free()
      context.freeContext()
    },
  }
}

/** From RGB to what the encoder takes, in the colours that the stream says. */
function painter({ library, constants }: Libav, { width, height }: Film, encoding: Encoding) {
  const format = encoding === 'mp4' ? constants.AV_PIX_FMT_RGB24 : constants.AV_PIX_FMT_RGBA
  const graph = new library.FilterGraph()
  graph.alloc()
  const source = `buffer@source=video_size=${width}x${height}:pix_fmt=${format}:time_base=1/1:pixel_aspect=1/1`
  const scale = 'scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+full_chroma_int+accurate_rnd'
  const pixels = `format=${encoding === 'mp4' ? 'yuv420p' : 'yuva420p'}`
  must('filters', graph.parsePtr([source, scale, pixels, 'buffersink@sink'].join(',')))
  const [from, to] = [graph.getFilter('buffer@source'), graph.getFilter('buffersink@sink')]
  if (from === null || to === null) throw new Error('libav made no filters')
  must('filters', graph.configSync())
  return {
    frame(rgb: Buffer, at: bigint): Frame {
      using given = library.Frame.fromVideoBuffer(rgb, { width, height, format, pts: at })
      const picture = new library.Frame()
      picture.alloc()
      must('picture', from.buffersrcAddFrameSync(given))
      must('picture', to.buffersinkGetFrameSync(picture))
      picture.pts = at
      return picture
    },
    [Symbol.dispose]: () => graph.free(),
  }
}

function* audioFrames(
  libav: Libav,
  { samples, rateHz }: NonNullable<Film['audio']>,
  frameSamples: number,
): Generator<Frame> {
  const { library, constants } = libav
  for (let at = 0; at < samples.length; at += frameSamples) {
    const part = samples.slice(at, at + frameSamples)
    yield library.Frame.fromAudioBuffer(Buffer.from(part.buffer), {
      nbSamples: part.length,
      format: constants.AV_SAMPLE_FMT_FLTP,
      sampleRate: rateHz,
      channelLayout: mono(libav),
      timeBase: { num: 1, den: rateHz },
      pts: BigInt(at),
    })
  }
}

function must(what: string, result: number): void {
  if (result < 0) throw new Error(`libav refuses the film's ${what}: ${result}`)
}
