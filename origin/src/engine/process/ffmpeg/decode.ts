/** Coded bytes in, upright RGB pixels out: one child for a frame, or for several of one video. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { FFMPEG_DECODERS } from '../container/codecs.ts'
import type { PacketRun } from '../container/container.ts'
import { alphaFilters, frameFilters } from '../container/filters.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import type { Size } from '../image/plan.ts'
import type { RawPicture } from '../image/raw-picture.ts'
import { alphaStream, elementaryStream, hasElementaryForm } from './elementary.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { joinRuns } from './join-runs.ts'

/** Little is probed: what the stream is has been told already. */
const STREAM_PROBING = ['-probesize', '65536', '-fpsprobesize', '0', '-analyzeduration', '0']

/** Frames that may be in memory together. */
const MAX_JOINED_BYTES = 64 * 1024 * 1024

/**
 * Decodes the wanted frames of runs from their elementary stream, with their alpha where they have one. Fails
 * with `undecodable` where they cannot all be had so: where the codec has no elementary form, the runs cannot
 * follow each other, or their frames are too large to be in memory together.
 */
export async function decodeRuns(
  ffmpeg: Ffmpeg,
  runs: readonly PacketRun[],
  options: DecodeOptions,
): Promise<readonly Frame[] | Failure> {
  const { video, size, maxPixels } = options
  if (!hasElementaryForm(video.codec)) return fail('undecodable', `${video.codec} has no elementary form`)
  const joined = joinRuns(video.codec, runs)
  if (joined === undefined) return fail('undecodable', 'runs that lean on what was before')
  const { run, wanted, ownOf } = joined
  const stream = elementaryStream(video.codec, run, video)
  if (isFailure(stream)) return stream
  const alpha = video.hasAlpha ? alphaStream(video.codec, run, video) : undefined
  const channels = alpha === undefined ? 3 : 4
  const frameBytes = size.width * size.height * channels
  if (wanted.length > 1 && wanted.length * frameBytes > MAX_JOINED_BYTES)
    return fail('undecodable', 'too large together')
  const chain = colourChain(ffmpeg, options)
  const select = `select=${wanted.map((index) => `eq(n\\,${index})`).join('+')}`
  const input = (demuxer: string, pipe: number) => [
    ...['-protocol_whitelist', 'pipe', '-codec_whitelist', FFMPEG_DECODERS, '-max_pixels', String(maxPixels)],
    ...[...STREAM_PROBING, '-f', demuxer, '-i', `pipe:${pipe}`],
  ]
  const filters =
    alpha === undefined
      ? ['-vf', [select, ...chain].join(',')]
      : ['-filter_complex', alphaGraph('1:v', [select, ...chain], [select, ...alphaFilters(options)])]
  const decoded = await runDecoder(ffmpeg, options, {
    args: [
      ...input(stream.demuxer, 0),
      ...(alpha === undefined ? [] : input(alpha.demuxer, SECOND_PIPE)),
      ...filters,
    ],
    inputs: alpha === undefined ? [stream.chunks] : [stream.chunks, alpha.chunks],
    channels,
    frames: wanted.length,
  })
  if (isFailure(decoded)) return decoded
  return runs.map((own, index) => {
    const start = (ownOf[index] ?? 0) * frameBytes
    const data = decoded.data.subarray(start, start + frameBytes)
    return { ...sizeOnly(size), channels, data, timestampSeconds: Math.max(0, own.timestampSeconds) }
  })
}

function sizeOnly({ width, height }: Size): Size {
  return { width, height }
}

const SECOND_PIPE = 3

/** `alphaStream` carries the alpha of the first one. */
function alphaGraph(alphaStream: string, colour: readonly string[], alpha: readonly string[]): string {
  return [
    `[0:v:0]${[...colour].join(',')},format=rgba[colour]`,
    `[${alphaStream}]${alpha.join(',')}[alpha]`,
    '[colour][alpha]alphamerge,format=rgba',
  ].join(';')
}

/**
 * Decodes a whole sequence of images that is declared as a video, with its alpha where `video` has one. The frames
 * follow each other in what is given. Fails with `undecodable` where there are fewer, or as FFmpeg does.
 */
export async function decodeSequence(
  ffmpeg: Ffmpeg,
  file: Uint8Array,
  frames: number,
  options: DecodeOptions,
): Promise<Pick<RawPicture, 'data' | 'channels'> | Failure> {
  const chain = colourChain(ffmpeg, options)
  const channels = options.video.hasAlpha ? 4 : 3
  const decoded = await runDecoder(ffmpeg, options, {
    args: [
      ...['-protocol_whitelist', 'pipe', '-format_whitelist', 'mov', '-codec_whitelist', FFMPEG_DECODERS],
      ...['-max_pixels', String(options.maxPixels), '-noautorotate', '-ignore_editlist', '1'],
      ...['-f', 'mov', '-i', 'pipe:0', '-an', '-sn', '-dn'],
      ...(options.video.hasAlpha
        ? ['-filter_complex', alphaGraph('0:v:1', chain, alphaFilters(options))]
        : ['-map', '0:v:0', '-vf', chain.join(',')]),
    ],
    inputs: [[file]],
    channels,
    frames,
  })
  return isFailure(decoded) ? decoded : { data: decoded.data, channels }
}

export interface FileInput {
  readonly path: string
  /** The only demuxer that may open the file. */
  readonly demuxer: 'mov' | 'matroska' | 'avi' | 'flv' | 'asf' | 'mpegts' | 'mpeg' | 'ogg'
  /** Undefined for the first frame that decodes. */
  readonly atSeconds: number | undefined
}

/** How far before the wanted moment is looked where no frame is left behind it. */
const LOOK_BACK_SECONDS = 1

/**
 * Decodes a frame of a file that lies on the disk. Only this file can be opened, and only by the named demuxer:
 * a playlist hidden in it finds none that would follow it.
 */
export async function decodeFile(
  ffmpeg: Ffmpeg,
  file: FileInput,
  options: DecodeOptions,
): Promise<Frame | Failure> {
  const { atSeconds } = file
  if (atSeconds === undefined) return decodeFileAt(ffmpeg, file, options)
  // FFmpeg gives the first frame from a moment on; behind the last one there is none.
  let frame = await decodeFileAt(ffmpeg, file, options)
  for (const earlier of [Math.max(0, atSeconds - LOOK_BACK_SECONDS), undefined]) {
    if (!isFailure(frame) || frame.code !== 'undecodable') break
    frame = await decodeFileAt(ffmpeg, { ...file, atSeconds: earlier }, options)
  }
  return frame
}

async function decodeFileAt(
  ffmpeg: Ffmpeg,
  { path, demuxer, atSeconds }: FileInput,
  options: DecodeOptions,
): Promise<Frame | Failure> {
  const { video } = options
  const channels = video.hasAlpha ? 4 : 3
  const chain = colourChain(ffmpeg, options)
  // The sink would tell nothing of a frame's time: this prints it to standard error, before the frame comes out.
  const tellTime = [
    'metadata=mode=add:key=shown:value=1',
    'metadata=mode=print:key=shown:direct=1:file=pipe\\\\:2',
  ]
  // Only the library's decoders look at the alpha beside a frame.
  const alphaDecoder = video.codec === 'vp9' ? 'libvpx-vp9' : 'libvpx'
  const decoded = await runDecoder(ffmpeg, options, {
    args: [
      ...['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-codec_whitelist', FFMPEG_DECODERS],
      ...['-max_pixels', String(options.maxPixels), '-noautorotate', '-copyts'],
      ...(video.hasAlpha ? ['-c:v', alphaDecoder] : []),
      ...(atSeconds === undefined ? [] : ['-ss', atSeconds.toFixed(6)]),
      ...['-f', demuxer, '-i', `file:${path}`, '-map', '0:v:0', '-an', '-sn', '-dn'],
      ...['-vf', [...tellTime, ...chain].join(',')],
    ],
    inputs: [],
    channels,
    frames: 1,
  })
  if (isFailure(decoded)) return decoded
  const reported = /pts_time:(\d+(?:\.\d+)?)/.exec(await decoded.messages)?.[1]
  const timestampSeconds = Number(reported ?? atSeconds ?? 0)
  return { ...sizeOnly(options.size), channels, data: decoded.data, timestampSeconds }
}

function colourChain(ffmpeg: Ffmpeg, { video, size }: DecodeOptions): readonly string[] {
  return frameFilters({ video, size, toneMaps: ffmpeg.binary.toneMaps })
}

interface DecoderRun {
  readonly args: readonly string[]
  readonly inputs: readonly (readonly Uint8Array[])[]
  readonly channels: 3 | 4
  /** How many frames come out. */
  readonly frames: number
}

interface Decoded {
  /** Frame after frame. */
  readonly data: Uint8Array
  readonly messages: Promise<string>
}

async function runDecoder(
  ffmpeg: Ffmpeg,
  { size }: DecodeOptions,
  run: DecoderRun,
): Promise<Decoded | Failure> {
  const bytes = size.width * size.height * run.channels * run.frames
  const pixelFormat = run.channels === 4 ? 'rgba' : 'rgb24'
  const shape = ['-frames:v', String(run.frames), '-fps_mode', 'passthrough', '-pix_fmt', pixelFormat]
  const output = await ffmpeg.run({
    args: [...run.args, ...shape, '-f', 'rawvideo', 'pipe:1'],
    inputs: run.inputs,
    outputBytes: bytes,
  })
  if (isFailure(output)) return output
  return { data: output.bytes, messages: output.messages }
}
