/** The containers that libav may open here, each with the one demuxer that reads it. */

import type { Libav } from './load.ts'

export type LibavFormat = keyof typeof DEMUXERS

/**
 * The demuxer of each format. Formats are not probed: a playlist that poses as a video is opened by a demuxer
 * that does not recognise it. No demuxer here follows references to other files, and no protocol is available
 * to follow them.
 */
const DEMUXERS = {
  mp4: 'mov',
  mov: 'mov',
  '3gp': 'mov',
  m4a: 'mov',
  webm: 'matroska',
  mkv: 'matroska',
  weba: 'matroska',
  mka: 'matroska',
  avi: 'avi',
  flv: 'flv',
  wmv: 'asf',
  ts: 'mpegts',
  mpeg: 'mpeg',
  ogv: 'ogg',
  ogg: 'ogg',
  opus: 'ogg',
  mp3: 'mp3',
  aac: 'aac',
  wav: 'wav',
  flac: 'flac',
} as const

/**
 * Demuxers of containers whose clock can start at any time. The first content shown is at 0, as in a player.
 */
const FREE_RUNNING: ReadonlySet<string> = new Set(['mpegts', 'mpeg', 'asf', 'flv', 'ogg', 'avi'])

/** Those of them for which FFmpeg's command shows the first video frame at 0, even when audio precedes it. */
const STARTING_WITH_VIDEO: ReadonlySet<string> = new Set(['mpegts', 'mpeg', 'ogg'])

/** Demuxers that add the frames that they read to an incomplete index. */
const GROWING_INDEX: ReadonlySet<string> = new Set(['avi'])

/** Demuxers of broadcast streams, in which a key frame is found only by reading. */
const WITHOUT_INDEX: ReadonlySet<string> = new Set(['mpegts', 'mpeg'])

export interface Demuxer {
  readonly name: string
  readonly startsAnywhere: boolean
  readonly startsWithVideo: boolean
  readonly hasIndex: boolean
  readonly growsIndex: boolean
}

/** Returns the demuxer of a format. */
export function demuxerOf(format: LibavFormat): Demuxer {
  const name = DEMUXERS[format]
  return {
    name,
    startsAnywhere: FREE_RUNNING.has(name),
    startsWithVideo: STARTING_WITH_VIDEO.has(name),
    hasIndex: !WITHOUT_INDEX.has(name),
    growsIndex: GROWING_INDEX.has(name),
  }
}

/** Returns the demuxer as libav's own object. Undefined when the build does not contain it. */
export function inputFormat({ library }: Libav, { name }: Demuxer) {
  return library.InputFormat.findInputFormat(name) ?? undefined
}
