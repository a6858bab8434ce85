/**
 * Decodes packets to upright RGB pixels: one child process for one frame, or for several frames of one video.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import { FFMPEG_DECODERS } from '../container/codecs.ts'
import type { PacketRun } from '../container/container.ts'
import { alphaFilters, frameFilters } from '../container/filters.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { alphaStream, elementaryStream, hasElementaryForm } from './elementary.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { joinRuns } from './join-runs.ts'

/** FFmpeg probes little, because the stream is already known. */
const STREAM_PROBING = ['-probesize', '65536', '-fpsprobesize', '0', '-analyzeduration', '0']

/** The maximum number of bytes of frames that may be in memory together. */
const MAX_JOINED_BYTES = 64 * 1024 * 1024

/**
 * Decodes the wanted frames of runs from their elementary stream, with their alpha if they have any. Fails
 * with `undecodable` when they cannot all be decoded this way: the codec has no elementary form, the runs
 * cannot be joined, or their frames are too large to be in memory together.
 */
export async function decodeRuns(
  ffmpeg: Ffmpeg,
  runs: readonly PacketRun[],
  options: DecodeOptions,
): Promise<readonly Frame[] | Failure> {
  const { video, size, maxPixels } = options
  if (!hasElementaryForm(video.codec)) return fail('undecodable', `${video.codec} has no elementary form`)
  const joined = joinRuns(video.codec, runs)
  if (joined === undefined) return fail('undecodable', 'runs that depend on earlier frames')
  const { run, selected, ownOf } = joined
  const stream = elementaryStream(video.codec, run, video)
  if (isFailure(stream)) return stream
  const alpha = video.hasAlpha ? alphaStream(video.codec, run, video) : undefined
  const channels = alpha === undefined ? 3 : 4
  const frameBytes = size.width * size.height * channels
  if (selected.length > 1 && selected.length * frameBytes > MAX_JOINED_BYTES)
    return fail('undecodable', 'too large together')
  const chain = colourChain(ffmpeg, options)
  const select = `select=${selected.map((index) => `eq(n\\,${index})`).join('+')}`
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
    frames: selected.length,
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

/** Returns the filter graph that merges the colours with the alpha of `alphaStream`. */
function alphaGraph(alphaStream: string, colour: readonly string[], alpha: readonly string[]): string {
  return [
    `[0:v:0]${[...colour].join(',')},format=rgba[colour]`,
    `[${alphaStream}]${alpha.join(',')}[alpha]`,
    '[colour][alpha]alphamerge,format=rgba',
  ].join(';')
}

/**
 * Decodes the first frames of an image sequence that is declared as a video, with its alpha if `video` has
 * it. The frames follow each other in the result. Fails with `undecodable` when there are fewer, or as FFmpeg
 * does.
 */
export async function decodeSequence(
  ffmpeg: Ffmpeg,
  file: Uint8Array,
  frames: number,
  options: DecodeOptions,
): Promise<Pick<RawImage, 'data' | 'channels'> | Failure> {
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
  /** The index among the video tracks. */
  readonly track: number
  /** Undefined for the first frame that can be decoded. */
  readonly atSeconds: number | undefined
}

/**
 * How far before a moment the search for its key frame starts, in seconds, because FFmpeg rounds to the
 * nearest frame. Streams without an index are searched by their timestamps, and shown from the next key frame
 * on.
 */
const SEEK_BACK_SECONDS = 1
const SEEK_BACK_WITHOUT_INDEX_SECONDS = 10
const WITHOUT_INDEX: ReadonlySet<FileInput['demuxer']> = new Set(['mpegts', 'mpeg'])

/**
 * Decodes the frame shown at a moment, or the first one without a moment, from a file on disk. Only this file
 * can be opened, and only by the named demuxer: no demuxer would follow a playlist hidden in it.
 */
export async function decodeFile(
  ffmpeg: Ffmpeg,
  file: FileInput,
  options: DecodeOptions,
): Promise<Frame | Failure> {
  const { atSeconds = 0, demuxer } = file
  const back = WITHOUT_INDEX.has(demuxer) ? SEEK_BACK_WITHOUT_INDEX_SECONDS : SEEK_BACK_SECONDS
  const from = Math.max(0, atSeconds - back)
  const frame = await decodeFrom(ffmpeg, file, from, options)
  const early = !isFailure(frame) && frame.timestampSeconds <= atSeconds + TICK_SECONDS
  if (from === 0 || early || (isFailure(frame) && frame.code !== 'undecodable')) return frame
  // All frames found are later than the moment. Decoding from the start may find an earlier one.
  return decodeFrom(ffmpeg, file, 0, options)
}

/** The smallest difference between two moments, in seconds. Moments are requested in milliseconds. */
const TICK_SECONDS = 0.0001

/** Decodes from the key frame at or before `from` up to the frame of the moment. */
async function decodeFrom(
  ffmpeg: Ffmpeg,
  { path, demuxer, track, atSeconds }: FileInput,
  from: number,
  options: DecodeOptions,
): Promise<Frame | Failure> {
  const { video } = options
  const channels = video.hasAlpha ? 4 : 3
  const chain = colourChain(ffmpeg, options)
  // The output does not contain a frame's timestamp. This prints it to standard error before the frame is
  // written.
  const exposeTimestamps = [
    'metadata=mode=add:key=shown:value=1',
    'metadata=mode=print:key=shown:direct=1:file=pipe\\\\:2',
  ]
  // Passes on the last of the frames up to the moment; past the end, that frame is repeated without end.
  const select =
    atSeconds === undefined
      ? []
      : [
          'tpad=stop=-1:stop_mode=clone',
          `fps=fps=${Math.round(1 / TICK_SECONDS)}:round=down:start_time=${atSeconds.toFixed(6)}`,
        ]
  // Only the library's decoders read the alpha stored alongside a frame.
  const alphaDecoder = video.codec === 'vp9' ? 'libvpx-vp9' : 'libvpx'
  const decoded = await runDecoder(ffmpeg, options, {
    args: [
      ...['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-codec_whitelist', FFMPEG_DECODERS],
      ...['-max_pixels', String(options.maxPixels), '-noautorotate'],
      ...['-copyts', '-start_at_zero', '-noaccurate_seek'],
      ...(video.hasAlpha ? ['-c:v', alphaDecoder] : []),
      ...(from === 0 ? [] : ['-ss', from.toFixed(6)]),
      ...['-f', demuxer, '-i', `file:${path}`, '-map', `0:v:${track}`, '-an', '-sn', '-dn'],
      ...['-vf', [...exposeTimestamps, ...select, ...chain].join(',')],
    ],
    inputs: [],
    channels,
    frames: 1,
  })
  if (isFailure(decoded)) return decoded
  const timestampSeconds = Math.max(0, shownTime(await decoded.messages, atSeconds))
  return { ...sizeOnly(options.size), channels, data: decoded.data, timestampSeconds }
}

/** Returns the last of the printed timestamps up to a moment, or else the first one. */
function shownTime(messages: string, atSeconds = 0): number {
  const times = [...messages.matchAll(/pts_time:(-?\d+(?:\.\d+)?)/g)].map(([, seconds]) => Number(seconds))
  return times.findLast((seconds) => seconds < atSeconds + TICK_SECONDS) ?? times[0] ?? atSeconds
}

function colourChain(ffmpeg: Ffmpeg, { video, size }: DecodeOptions): readonly string[] {
  return frameFilters({ video, size, toneMaps: ffmpeg.binary.toneMaps })
}

interface DecoderRun {
  readonly args: readonly string[]
  readonly inputs: readonly (readonly Uint8Array[])[]
  readonly channels: 3 | 4
  /** The number of frames in the output. */
  readonly frames: number
}

interface Decoded {
  /** The frames, one after the other. */
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
