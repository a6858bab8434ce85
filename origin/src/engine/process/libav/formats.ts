/** The containers that libav may open here, each by the one demuxer that reads it. */

import type { Libav } from './load.ts'

export type LibavFormat = keyof typeof DEMUXERS

/**
 * By our name of a format. Nothing is probed: a playlist that poses as a video meets a demuxer that does not know
 * it. No demuxer here follows references to other files, and no protocol is there to follow them by.
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

/** Containers whose clock starts anywhere: what is shown first is at 0, as in a player. */
const FREE_RUNNING: ReadonlySet<string> = new Set(['mpegts', 'mpeg', 'asf', 'flv', 'ogg', 'avi'])

/** Of those, the ones of which FFmpeg's command shows the first picture at 0, whatever sound comes before it. */
const STARTING_WITH_PICTURE: ReadonlySet<string> = new Set(['mpegts', 'mpeg', 'ogg'])

/** Streams that were made to be broadcast: a key frame is found by reading. */
const WITHOUT_INDEX: ReadonlySet<string> = new Set(['mpegts', 'mpeg'])

export interface Demuxer {
  readonly name: string
  readonly startsAnywhere: boolean
  readonly startsWithPicture: boolean
  readonly hasIndex: boolean
}

/** The demuxer of a format. */
export function demuxerOf(format: LibavFormat): Demuxer {
  const name = DEMUXERS[format]
  return {
    name,
    startsAnywhere: FREE_RUNNING.has(name),
    startsWithPicture: STARTING_WITH_PICTURE.has(name),
    hasIndex: !WITHOUT_INDEX.has(name),
  }
}

/** The demuxer as libav's own object; undefined where the build has none. */
export function inputFormat({ library }: Libav, { name }: Demuxer) {
  return library.InputFormat.findInputFormat(name) ?? undefined
}
