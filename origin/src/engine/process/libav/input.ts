/** Opens a file with libav and restricts what libav may read. */

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
  /** Whether to ignore the edit list and show everything in the file. */
  readonly ignoresEditList?: boolean
  /**
   * Codecs of which no frame is decoded to probe a stream: the container declares its parameters, or the
   * caller determines them.
   */
  readonly undecoded?: readonly VideoCodec[]
}

/** The largest number of streams that a file may declare. */
const MAX_STREAMS = 64
/** How much of a file is read to probe its streams, in bytes and in microseconds. */
const PROBED_BYTES = 2 * 1024 * 1024
const PROBED_MICROSECONDS = 3_000_000

/**
 * Opens a range source with one demuxer and determines its streams. The caller closes the context, whatever
 * the result. Fails with `undecodable`, or as the source does.
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
    // A list that contains no protocol.
    protocol_whitelist: 'none',
    ...(ignoresEditList ? { ignore_editlist: 1 } : {}),
  })
  const opened = context.openInputSync('', input, settings)
  if (opened < 0) return bytes.failure ?? fail('undecodable', `${demuxer.name}: ${opened}`)
  const described = context.findStreamInfoSync()
  if (described < 0) return bytes.failure ?? fail('undecodable', `streams: ${described}`)
  return undefined
}
