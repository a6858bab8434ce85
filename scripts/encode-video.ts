/** Encodes videos with libav in this process, so that sample videos need no program besides the packages. */

import { openMuxer } from '@media-proxy/origin/engine/process/clip/muxer.ts'
import { openEncoder } from '@media-proxy/origin/engine/process/libav/encoder.ts'
import { openFilterChain, videoFilterSource } from '@media-proxy/origin/engine/process/libav/filter-chain.ts'
import type { Libav } from '@media-proxy/origin/engine/process/libav/load.ts'

type Packet = InstanceType<Libav['library']['Packet']>
type Frame = InstanceType<Libav['library']['Frame']>

export interface RawVideo {
  readonly width: number
  readonly height: number
  readonly framesPerSecond: number
  /** The frames in order: rows of RGB, or of RGBA when the encoding has alpha. */
  readonly frames: AsyncIterable<Buffer> | Iterable<Buffer>
  /** One channel, from -1 to 1. */
  readonly audio?: { readonly samples: Float32Array; readonly rateHz: number }
}

/** H.264 and AAC in MP4, with the index first; or VP9 with alpha in WebM, without audio. */
export type Encoding = 'mp4' | 'webm'

/** The number of frames from one key frame to the next. */
const GROUP_FRAMES = 24
const AAC_BITS_PER_SECOND = 64_000n
/** The bit of the front centre channel, as in FFmpeg's AV_CHANNEL_LAYOUT_MONO. */
const MONO_MASK = 4n

/** Encodes a video. Throws when this build of libav cannot. */
export async function encodeVideo(libav: Libav, video: RawVideo, encoding: Encoding): Promise<Buffer> {
  const { library, constants } = libav
  const { width, height, framesPerSecond, audio } = video
  const hasAlpha = encoding === 'webm'
  const format = hasAlpha ? constants.AV_PIX_FMT_RGBA : constants.AV_PIX_FMT_RGB24
  using muxer = openMuxer(libav, encoding)
  using videoEncoder = openVideoEncoder(libav, video, hasAlpha)
  using audioEncoder = audio && openAudioEncoder(libav, audio.rateHz)
  const videoStream = muxer.addEncoded(videoEncoder.context, { hasAlpha })
  const audioStream = audioEncoder && muxer.addEncoded(audioEncoder.context)
  muxer.begin()
  const unit = { num: 1, den: framesPerSecond }
  using chain = openFilterChain(libav, {
    kind: 'video',
    source: videoFilterSource({ width, height, format }, framesPerSecond),
    filters: [
      'scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+full_chroma_int+accurate_rnd',
      `format=${hasAlpha ? 'yuva420p' : 'yuv420p'}`,
    ],
  })
  const writeFrame = (packet: Packet) => {
    // Video encoders leave the duration to the muxer, which knows none for the last packet.
    if (packet.duration === 0n) packet.duration = 1n
    videoStream.write(packet, unit)
  }
  let at = 0n
  for await (const pixels of video.frames) {
    using given = library.Frame.fromVideoBuffer(pixels, { width, height, format, pts: at })
    chain.push(given, (frame) => videoEncoder.encode(frame, writeFrame))
    at += 1n
  }
  videoEncoder.drain(writeFrame)
  if (audio !== undefined && audioEncoder !== undefined) {
    const writeAudio = (packet: Packet) => audioStream?.write(packet, { num: 1, den: audio.rateHz })
    for (const frame of audioFrames(libav, audio, audioEncoder.context.frameSize)) {
      using samples = frame
      audioEncoder.encode(samples, writeAudio)
    }
    audioEncoder.drain(writeAudio)
  }
  return muxer.finish()
}

function openVideoEncoder(libav: Libav, { width, height, framesPerSecond }: RawVideo, hasAlpha: boolean) {
  const { library, constants } = libav
  return openEncoder(libav, hasAlpha ? 'libvpx-vp9' : 'libx264', (context) => {
    context.width = width
    context.height = height
    context.timeBase = new library.Rational(1, framesPerSecond)
    context.framerate = new library.Rational(framesPerSecond, 1)
    context.gopSize = GROUP_FRAMES
    context.pixelFormat = hasAlpha ? constants.AV_PIX_FMT_YUVA420P : constants.AV_PIX_FMT_YUV420P
    context.colorSpace = constants.AVCOL_SPC_BT709
    context.colorPrimaries = constants.AVCOL_PRI_BT709
    context.colorTrc = constants.AVCOL_TRC_BT709
    context.colorRange = constants.AVCOL_RANGE_MPEG
    const quality = hasAlpha ? { 'cpu-used': 8, crf: 20 } : { preset: 'veryfast', crf: 23 }
    for (const [name, value] of Object.entries(quality)) context.setOption(name, value)
  })
}

function openAudioEncoder(libav: Libav, rateHz: number) {
  const { library, constants } = libav
  return openEncoder(libav, 'aac', (context) => {
    context.sampleRate = rateHz
    context.sampleFormat = constants.AV_SAMPLE_FMT_FLTP
    context.channelLayout = mono(libav)
    context.timeBase = new library.Rational(1, rateHz)
    context.bitRate = AAC_BITS_PER_SECOND
  })
}

function mono({ constants }: Libav) {
  return { nbChannels: 1, order: constants.AV_CHANNEL_ORDER_NATIVE, mask: MONO_MASK }
}

function* audioFrames(
  libav: Libav,
  { samples, rateHz }: NonNullable<RawVideo['audio']>,
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
