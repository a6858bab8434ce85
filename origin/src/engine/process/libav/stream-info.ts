/** Describes the streams that libav found in a file, with the project's own names. */

import type { CodecParameters, Rational, Stream } from 'node-av/lib'
import { coloursOf } from '../colours/colours.ts'
import type { AudioCodec } from '../container/codecs.ts'
import type { VideoInfo } from '../container/container.ts'
import { acceptedAudioCodec, acceptedVideoCodec, audioDecoderOf } from './codec-names.ts'
import type { Libav } from './load.ts'

/** The streams of a file. */
export interface Tracks {
  readonly streams: readonly Stream[]
  /** The indexes of the encrypted streams. They count as having no known codec, whatever they declare. */
  readonly encrypted: ReadonlySet<number>
}

export interface VideoTracks {
  readonly shown: Stream | undefined
  /**
   * The other tracks of an accepted codec that a player may show, including chapter images, in file order.
   */
  readonly others: readonly Stream[]
}

/**
 * Returns the video track that plays, and the others. A file may mark the track to play. Covers, thumbnails
 * and chapter images are not played, and neither is a track of an unsupported codec when there is another.
 * The others are needed because players differ: in Matroska, browsers play the first track, whatever is
 * marked.
 */
export function selectVideoTracks(libav: Libav, all: Tracks): VideoTracks {
  const { constants } = libav
  const tracks = all.streams.filter(({ codecpar }) => codecpar.codecType === constants.AVMEDIA_TYPE_VIDEO)
  const videos = tracks.filter(
    (stream) =>
      !stream.hasDisposition(constants.AV_DISPOSITION_ATTACHED_PIC) &&
      !stream.hasDisposition(constants.AV_DISPOSITION_TIMED_THUMBNAILS) &&
      !stream.hasDisposition(constants.AV_DISPOSITION_STILL_IMAGE),
  )
  const isMarked = (stream: Stream) => stream.hasDisposition(constants.AV_DISPOSITION_DEFAULT)
  const isAccepted = (stream: Stream) => {
    const { profile } = stream.codecpar
    return acceptedVideoCodec(codecNameOf(libav, all, stream), { profile, fullChroma: false }) !== undefined
  }
  const isCover = (stream: Stream) =>
    stream.hasDisposition(constants.AV_DISPOSITION_ATTACHED_PIC) &&
    !stream.hasDisposition(constants.AV_DISPOSITION_TIMED_THUMBNAILS)
  const accepted = videos.filter(isAccepted)
  const shown = accepted.find(isMarked) ?? accepted[0] ?? videos.find(isMarked) ?? videos[0]
  const others = tracks.filter((stream) => stream !== shown && isAccepted(stream) && !isCover(stream))
  return { shown, others }
}

/** Describes a video stream, using a decoded frame of it if given. The size is that of a frame as shown. */
export function videoInfo(
  libav: Libav,
  stream: Stream,
  frame: Pick<CodecParameters, 'width' | 'height' | 'sampleAspectRatio'> = stream.codecpar,
): VideoInfo {
  const { library } = libav
  const parameters = stream.codecpar
  const { width: codedWidth, height: codedHeight } = frame
  const { rotation, mirrored } = orientationOf(libav, parameters)
  const aspect = aspectOf(stream.sampleAspectRatio) ?? aspectOf(frame.sampleAspectRatio) ?? 1
  const width = aspect > 1 ? Math.round(codedWidth * aspect) : codedWidth
  const height = aspect < 1 ? Math.round(codedHeight / aspect) : codedHeight
  const sideways = rotation === 90 || rotation === 270
  const codecName = library.avGetCodecName(parameters.codecId)
  const codec = acceptedVideoCodec(codecName, {
    profile: parameters.profile,
    fullChroma: fullChroma(libav).some((format) => format === parameters.format),
  })
  return {
    codec,
    codecName: codecName ?? undefined,
    width: sideways ? height : width,
    height: sideways ? width : height,
    codedWidth,
    codedHeight,
    rotation,
    mirrored,
    hasAlpha: (codec === 'vp8' || codec === 'vp9') && stream.metadata?.get('alpha_mode') === '1',
    colours: coloursOf(parameters),
  }
}

/**
 * Returns the codec of each audio stream; undefined for one that is not accepted. A FLAC stream without a
 * sample rate is left out, because the FLAC demuxer accepts any data and then knows no sample rate.
 */
export function audioCodecs(libav: Libav, tracks: Tracks): readonly (AudioCodec | undefined)[] {
  return tracks.streams
    .filter(({ codecpar }) => codecpar.codecType === libav.constants.AVMEDIA_TYPE_AUDIO)
    .map((stream) => ({
      codec: acceptedAudioCodec(codecNameOf(libav, tracks, stream)),
      hertz: stream.codecpar.sampleRate,
    }))
    .filter(({ codec, hertz }) => codec !== 'flac' || hertz > 0)
    .map(({ codec }) => codec)
}

/** An audio track and libav's name of its codec. */
export interface AudioTrack {
  readonly stream: Stream
  readonly codec: string
}

/** Returns the audio track that plays, which a file may mark. Undefined when none has an accepted codec. */
export function playedAudio(libav: Libav, tracks: Tracks): AudioTrack | undefined {
  return markedTrack(
    libav,
    audioTracks(libav, tracks).filter(({ codec }) => acceptedAudioCodec(codec) !== undefined),
  )
}

/**
 * Returns the track that plays or, when no codec is accepted, one that can be decoded: its clip is playable.
 */
export function decodableAudio(libav: Libav, tracks: Tracks): AudioTrack | undefined {
  const decodable = audioTracks(libav, tracks).filter(
    ({ codec }) => audioDecoderOf(libav, codec) !== undefined,
  )
  return playedAudio(libav, tracks) ?? markedTrack(libav, decodable)
}

function audioTracks(libav: Libav, tracks: Tracks): readonly AudioTrack[] {
  return tracks.streams.flatMap((stream) => {
    const { codecType, sampleRate } = stream.codecpar
    const codec = codecNameOf(libav, tracks, stream)
    if (codecType !== libav.constants.AVMEDIA_TYPE_AUDIO || codec === null) return []
    return codec === 'flac' && sampleRate <= 0 ? [] : [{ stream, codec }]
  })
}

function markedTrack({ constants }: Libav, tracks: readonly AudioTrack[]): AudioTrack | undefined {
  return tracks.find(({ stream }) => stream.hasDisposition(constants.AV_DISPOSITION_DEFAULT)) ?? tracks[0]
}

/** Returns the name of a stream's codec. Null for an unknown or an encrypted one. */
function codecNameOf({ library }: Libav, { encrypted }: Tracks, { index, codecpar }: Stream): string | null {
  return encrypted.has(index) ? null : library.avGetCodecName(codecpar.codecId)
}

/** Returns the pixel formats that ProRes decodes to when its chroma is not subsampled. */
function fullChroma({ constants }: Libav) {
  return [
    constants.AV_PIX_FMT_YUV444P10LE,
    constants.AV_PIX_FMT_YUVA444P10LE,
    constants.AV_PIX_FMT_YUV444P12LE,
    constants.AV_PIX_FMT_YUVA444P12LE,
  ]
}

/**
 * Returns the pixel aspect ratio, as width over height. Undefined when it is not declared or not positive.
 */
function aspectOf({ num, den }: Rational): number | undefined {
  return num > 0 && den > 0 ? num / den : undefined
}

const MATRIX_BYTES = 36
const RIGHT_ANGLE = 90
const ROTATIONS: readonly VideoInfo['rotation'][] = [0, 90, 180, 270]

/**
 * Returns how a frame is rotated, and then mirrored. The display matrix (ISO/IEC 14496-12, section 6.2.2, in
 * the machine's byte order) maps a point by its first and second row; a negative determinant means that it
 * mirrors.
 */
function orientationOf(
  { constants }: Libav,
  parameters: CodecParameters,
): Pick<VideoInfo, 'rotation' | 'mirrored'> {
  const matrix = parameters.getCodedSideData(constants.AV_PKT_DATA_DISPLAYMATRIX)
  if (matrix === null || matrix.length < MATRIX_BYTES) return { rotation: 0, mirrored: false }
  const [a, b, c, d] = [0, 4, 12, 16].map((offset) => matrix.readInt32LE(offset))
  if (a === undefined || b === undefined || c === undefined || d === undefined)
    return { rotation: 0, mirrored: false }
  const mirrored = a * d - b * c < 0
  const degrees = (Math.atan2(b, mirrored ? -a : a) * 180) / Math.PI
  const steps = (Math.round(degrees / RIGHT_ANGLE) + ROTATIONS.length) % ROTATIONS.length
  return { rotation: ROTATIONS[steps] ?? 0, mirrored }
}
