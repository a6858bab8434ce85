/** Opening a file with libav, and the walls around what it may look at. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext } from 'node-av/lib'
import type { VideoCodec } from '../container/codecs.ts'
import { decoderWhitelist } from './codec-names.ts'
import { type Demuxer, inputFormat } from './formats.ts'
import type { Libav } from './load.ts'
import type { RangeIo } from './range-io.ts'

export interface InputOptions {
  readonly context: FormatContext
  readonly bytes: RangeIo
  readonly demuxer: Demuxer
  /** Shows all that is there, whatever the edit list says. */
  readonly ignoresEditList?: boolean
  /** Codecs of which no picture is decoded to learn what the stream is: the container tells, or whoever reads it. */
  readonly undecoded?: readonly VideoCodec[]
}

/** Most streams that a file may declare. */
const MAX_STREAMS = 64
/** How much of a file is looked at for its streams, in bytes and in microseconds. */
const PROBED_BYTES = 2 * 1024 * 1024
const PROBED_MICROSECONDS = 3_000_000

/**
 * Opens what a range source holds with one demuxer, and finds out what its streams are. Whatever the answer is,
 * the caller closes the context. Fails with `undecodable`, or as the source does.
 */
export function openInput(
  libav: Libav,
  { context, bytes, demuxer, ignoresEditList, undecoded = [] }: InputOptions,
): Failure | undefined {
  const { library } = libav
  const input = inputFormat(libav, demuxer)
  if (input === undefined) return fail('undecodable', `no demuxer ${demuxer.name}`)
  context.allocContext()
  context.pb = bytes.io
  context.maxStreams = MAX_STREAMS
  context.probesize = BigInt(PROBED_BYTES)
  context.maxAnalyzeDuration = BigInt(PROBED_MICROSECONDS)
  using settings = library.Dictionary.fromObject({
    format_whitelist: demuxer.name,
    codec_whitelist: decoderWhitelist(undecoded),
    // A list without a protocol in it.
    protocol_whitelist: 'none',
    ...(ignoresEditList ? { ignore_editlist: 1 } : {}),
  })
  const opened = context.openInputSync('', input, settings)
  if (opened < 0) return bytes.failure ?? fail('undecodable', `${demuxer.name}: ${opened}`)
  const described = context.findStreamInfoSync()
  if (described < 0) return bytes.failure ?? fail('undecodable', `streams: ${described}`)
  return undefined
}
