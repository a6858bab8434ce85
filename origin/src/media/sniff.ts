/**
 * Identifies a file by its first bytes. The name and the declared type come from the uploader and are not
 * trusted: a name decides only between formats that these bytes cannot distinguish.
 */

import { fileTypeFromBuffer } from 'file-type'
import { isIcon } from './icon-directory.ts'
import { endOfTags, id3Bytes } from './id3.ts'
import { audioOnlyKind, type MediaFormat, type MediaKind, mediaKind, mediaKindOfName } from './kinds.ts'
import { sniffIsoMedia } from './sniff-iso-media.ts'
import { isMatroskaAudio } from './sniff-matroska.ts'
import { isLateMp3, isProgramStream, isTransportStream } from './sniff-mpeg.ts'
import { isSvg } from './sniff-svg.ts'
import { isCameraRaw, isTiff } from './sniff-tiff.ts'

/**
 * The number of bytes from the start of a file that `sniff` needs. Fewer are allowed only when the file is
 * shorter.
 */
export const SNIFF_BYTES = 16 * 1024

/**
 * Returns the kind of a file from its first `SNIFF_BYTES` bytes. Undefined for everything that the service
 * does not accept. Further bytes are not read.
 */
export const sniff = async (head: Uint8Array, fileName?: string): Promise<MediaKind | undefined> => {
  const bytes = head.subarray(0, SNIFF_BYTES)
  const named = fileName === undefined ? undefined : mediaKindOfName(fileName)?.format
  const format = await sniffFormat(bytes, named)
  return format === undefined ? undefined : mediaKind(format)
}

const sniffFormat = async (
  bytes: Uint8Array,
  named: MediaFormat | undefined,
): Promise<MediaFormat | undefined> => {
  const iso = sniffIsoMedia(bytes, named)
  if (iso !== undefined) return iso === 'other' ? undefined : iso
  const untagged = bytes.subarray(endOfTags(bytes))
  if (startsWith(untagged, 'OggS')) return sniffOgg(untagged)
  // The library does not recognise a PNG with an invalid chunk length.
  if (startsWith(bytes, '\x89PNG\r\n\x1a\n')) return 'png'
  if (startsWith(bytes, 'GIF')) return /^GIF8[79]a/.test(latin1(bytes, 0, 6)) ? 'gif' : undefined
  if (isRiffWave64(bytes)) return 'wav'
  if (isIcon(bytes)) return 'ico'
  if (isSvg(bytes, named === 'svg')) return 'svg'
  if (isProgramStream(bytes)) return 'mpeg'
  const format = await formatOfSignature(bytes, named)
  // Uncompressed grey images and quiet audio can consist of the byte that starts packets, so another
  // signature takes precedence. The few bits of an audio frame's header can start a recording that was cut in
  // a packet.
  const isUncertain = format === undefined || format === 'mp3' || format === 'aac'
  return isUncertain && isTransportStream(bytes) ? 'ts' : format
}

const formatOfSignature = async (
  bytes: Uint8Array,
  named: MediaFormat | undefined,
): Promise<MediaFormat | undefined> => {
  const detected = await fileTypeFromBuffer(bytes)
  // file-type needs the directory of a TIFF, which may be at its end.
  if (detected === undefined && !isTiff(bytes)) return isMp3(bytes) ? 'mp3' : undefined
  if (detected === undefined || detected.ext === 'tif') return isCameraRaw(bytes) ? undefined : 'tiff'
  if (detected.ext === 'mp3') return sniffBehindId3(bytes, named)
  if (detected.ext === 'bmp') return isBmp(bytes) ? 'bmp' : undefined
  if ((detected.ext === 'webm' || detected.ext === 'mkv') && isMatroskaAudio(bytes))
    return audioOnlyKind(detected.ext)?.format
  return FORMAT_OF_DETECTED.get(detected.ext)
}

/** An ID3 tag with unknown content after it, or frames that start after other data. */
const isMp3 = (bytes: Uint8Array): boolean => id3Bytes(bytes) > 0 || isLateMp3(bytes)

/**
 * Formats by the names that file-type gives. Names that are missing here (camera raw files, MP2, ...) are not
 * accepted.
 */
const FORMAT_OF_DETECTED: ReadonlyMap<string, MediaFormat> = new Map([
  ['jpg', 'jpeg'],
  ['webp', 'webp'],
  ['jxl', 'jxl'],
  ['bmp', 'bmp'],
  ['webm', 'webm'],
  ['mkv', 'mkv'],
  ['avi', 'avi'],
  ['flv', 'flv'],
  ['asf', 'wmv'],
  ['wav', 'wav'],
  ['flac', 'flac'],
  ['aac', 'aac'],
])

/**
 * Returns the format of an Ogg file. The first pages of all its streams are at its very start (RFC 3533,
 * section 4), so the head contains them all. Speex in Ogg is still `ogg` here; the codec check rejects it.
 */
const sniffOgg = (bytes: Uint8Array): MediaFormat => {
  const text = latin1(bytes, 0, bytes.length)
  if (text.includes('\x80theora') || text.includes('OVP80\x01')) return 'ogv'
  return text.includes('OpusHead') && !text.includes('\x01vorbis') ? 'opus' : 'ogg'
}

/**
 * Returns the format of a file that may start with an ID3 tag. A tag longer than the head hides what follows
 * it. AAC and FLAC may have ID3 tags, so the name decides then.
 */
const sniffBehindId3 = (bytes: Uint8Array, named: MediaFormat | undefined): MediaFormat | undefined => {
  if (startsWith(bytes, 'ID3') && id3Bytes(bytes) === 0) return undefined
  const hidden = startsWith(bytes, 'ID3') && endOfTags(bytes) + MPEG_HEADER_BYTES > bytes.length
  return hidden && (named === 'aac' || named === 'flac') ? named : 'mp3'
}

const MPEG_HEADER_BYTES = 4

/**
 * Detects WAV beyond 4 GiB: the 64-bit forms of RIFF (EBU Tech 3306, ITU-R BS.2088), which file-type does not
 * support.
 */
const isRiffWave64 = (bytes: Uint8Array): boolean =>
  (startsWith(bytes, 'RF64') || startsWith(bytes, 'BW64')) && latin1(bytes, 8, 12) === 'WAVE'

/**
 * Whether bytes are a BMP. Its two letters start many texts, but its second header has one of a few
 * sizes.
 */
const isBmp = (bytes: Uint8Array): boolean =>
  bytes.length >= 18 && BMP_HEADER_BYTES.has(bytes[14] ?? 0) && latin1(bytes, 15, 18) === '\0\0\0'

/** The header sizes of OS/2's first version, of its second version in all its lengths, and of Windows. */
const BMP_HEADER_BYTES: ReadonlySet<number> = new Set([
  12,
  ...[16, 20, 24, 28, 32, 36, 40, 42, 44, 46, 48, 52, 56, 60, 64],
  ...[108, 124],
])

const startsWith = (bytes: Uint8Array, text: string): boolean => latin1(bytes, 0, text.length) === text

const latin1 = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end)
