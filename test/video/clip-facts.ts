/** Inspects clips with FFmpeg's own programs. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { FFMPEG, withFile } from '../videos.ts'

const run = promisify(execFile)
const MAX_BYTES = 512 * 2 ** 20

export interface ClipFacts {
  readonly video: string | undefined
  readonly profile: string | undefined
  readonly pixels: string | undefined
  readonly audio: string | undefined
  readonly channels: string | undefined
  readonly width: number
  readonly height: number
  /** The duration in seconds. */
  readonly seconds: number
  /** The average frame rate. */
  readonly rate: number
  /** The timestamp of each frame, in seconds. */
  readonly times: readonly number[]
}

async function ffmpeg(
  args: readonly string[],
): Promise<{ readonly stdout: Buffer; readonly stderr: string }> {
  if (FFMPEG === undefined) throw new Error('there is no FFmpeg')
  const { stdout, stderr } = await run(FFMPEG, ['-nostdin', '-hide_banner', ...args], {
    encoding: 'buffer',
    maxBuffer: MAX_BYTES,
  })
  return { stdout, stderr: stderr.toString() }
}

/** Reads a clip to its end. Fails when anything in it cannot be decoded. */
export async function inspectClip(clip: Buffer, decoder?: string): Promise<ClipFacts> {
  const chosen = decoder === undefined ? [] : ['-c:v', decoder]
  const { stderr } = await withFile(clip, (path) =>
    ffmpeg([
      ...['-v', 'info', '-xerror', ...chosen, '-i', path],
      ...['-map', '0', '-vf', 'showinfo', '-fps_mode', 'passthrough', '-f', 'null', '-'],
    ]),
  )
  const video = /Stream #0:\d.*: Video: (\w+)(?: \(([^)]*)\))?.*?, (yuva?\w+)/.exec(stderr)
  const audio = /Stream #0:\d.*: Audio: (\w+).*? Hz, ([^,]+)/.exec(stderr)
  const size = /Video: .*?, (\d+)x(\d+)/.exec(stderr)
  const times = [...stderr.matchAll(/pts_time:(-?[\d.]+)/g)].map(([, time]) => Number(time))
  const [, hours, minutes, seconds] = /Duration: (\d+):(\d+):([\d.]+)/.exec(stderr) ?? []
  const duration = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return {
    video: video?.[1],
    profile: video?.[2],
    pixels: video?.[3],
    audio: audio?.[1],
    channels: audio?.[2],
    width: Number(size?.[1]),
    height: Number(size?.[2]),
    seconds: duration,
    rate: times.length / duration,
    times,
  }
}

/** Returns all of its frames as RGBA, scaled to the given size. */
export async function framesOf(
  clip: Buffer,
  { width, height }: Pick<ClipFacts, 'width' | 'height'>,
  decoder?: string,
): Promise<readonly Buffer[]> {
  const chosen = decoder === undefined ? [] : ['-c:v', decoder]
  const { stdout } = await withFile(clip, (path) =>
    ffmpeg([
      ...['-v', 'error', ...chosen, '-i', path, '-map', '0:v', '-fps_mode', 'passthrough'],
      ...['-s', `${width}x${height}`],
      ...['-f', 'rawvideo', '-pix_fmt', 'rgba', '-'],
    ]),
  )
  const bytes = width * height * 4
  return Array.from({ length: stdout.length / bytes }, (_, at) =>
    stdout.subarray(at * bytes, (at + 1) * bytes),
  )
}

/** Returns a hash of every packet of video and audio, in file order, by stream. */
export async function packetsOf(clip: Buffer): Promise<Readonly<Record<string, readonly string[]>>> {
  const packets: Record<string, string[]> = {}
  const { stdout } = await withFile(clip, (path) =>
    // Includes the parameter sets before each key frame, which some containers have.
    ffmpeg(['-v', 'error', '-i', path, '-map', '0', '-c', 'copy', '-f', 'framemd5', '-']),
  )
  for (const line of stdout.toString().split('\n')) {
    const [stream, , , , , hash] = line.split(',').map((word) => word.trim())
    if (stream === undefined || hash === undefined) continue
    packets[stream] = [...(packets[stream] ?? []), hash]
  }
  return packets
}

const HERTZ = 8000
const LOUD = 2000
const BRIGHT = 128

/** Returns when the frames turn white, and when the audio becomes loud, in seconds. */
export async function flashesAndBeeps(clip: Buffer) {
  const facts = await inspectClip(clip)
  const frames = await framesOf(clip, facts)
  const flashes = onsets(
    frames.map((frame) => (frame[1] ?? 0) > BRIGHT),
    0,
  ).map((frame) => facts.times[frame] ?? Number.NaN)
  const { stdout } = await withFile(clip, (path) =>
    ffmpeg([
      ...['-v', 'error', '-i', path, '-map', '0:a', '-af', 'aresample=async=1:first_pts=0'],
      ...['-f', 's16le', '-ac', '1', '-ar', String(HERTZ), '-'],
    ]),
  )
  const loud = Array.from(
    { length: stdout.length >> 1 },
    (_, at) => Math.abs(stdout.readInt16LE(2 * at)) > LOUD,
  )
  const beeps = onsets(loud, HERTZ / 10).map((sample) => sample / HERTZ)
  return { flashes, beeps }
}

/** Returns the share of the audio's duration that is not silent. */
export async function loudShare(clip: Buffer): Promise<number> {
  const { stdout } = await withFile(clip, (path) =>
    ffmpeg(['-v', 'error', '-i', path, '-map', '0:a', '-f', 's16le', '-ac', '1', '-ar', String(HERTZ), '-']),
  )
  const part = HERTZ / 100
  const parts = Math.floor(stdout.length / 2 / part)
  const isLoud = (start: number) =>
    Array.from({ length: part }, (_, at) => stdout.readInt16LE(2 * (start + at))).some(
      (sample) => Math.abs(sample) > LOUD / 4,
    )
  return Array.from({ length: parts }, (_, at) => isLoud(at * part)).filter(Boolean).length / parts
}

/** Returns the indices at which values become true after at least `quiet` false ones. */
function onsets(values: readonly boolean[], quiet: number): readonly number[] {
  const found: number[] = []
  let since = Number.POSITIVE_INFINITY
  for (const [at, value] of values.entries()) {
    if (value && since > quiet) found.push(at)
    since = value ? 0 : since + 1
  }
  return found
}

/** The most that chroma, range and scaling may change a uniform colour, of 255. */
export const TOLERANCE = 10

/** Returns the name of the colour of a frame's first pixel, or its values. */
export function colourOf(frame: Buffer | undefined): string {
  const [red = 0, green = 0, blue = 0] = frame ?? []
  const colours = { red: [255, 0, 0], lime: [0, 255, 0], blue: [0, 0, 255] } as const
  for (const [name, colour] of Object.entries(colours))
    if ([red, green, blue].every((channel, at) => Math.abs(channel - (colour[at] ?? 0)) < 3 * TOLERANCE))
      return name
  return `${red},${green},${blue}`
}

/** Rounds a side as clips do. Chroma is halved, so their sides are even. */
export function even(pixels: number): number {
  return Math.max(2, 2 * Math.floor(Math.round(pixels) / 2))
}
