/** HEIC stills, which Sharp can measure but not decode: libheif as WebAssembly does that, on a thread. */

import { Worker } from 'node:worker_threads'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { HeicJob, HeicReply } from './heic-worker.ts'
import { type ImageFacts, UNLIMITED_PIXELS } from './inspect.ts'
import type { RawPicture } from './raw-picture.ts'
import { sharp } from './sharp.ts'
import { underStillBrand } from './still-brand.ts'
import { wrapInTiff } from './tiff-wrap.ts'

/** Measured: 7.3 bytes of the decoder's memory a pixel at 12 megapixels; hidden planes may double it. */
const DECODER_BYTES_PER_PIXEL = 16
const DECODER_BASE_BYTES = 64 * 1024 * 1024
/** A coded picture larger than its pixels carries something else, which nobody asked to read. */
const MAX_PAYLOAD_BYTES = 32 * 1024 * 1024
const MAX_WORKER_HEAP_MIB = 128

/**
 * Decodes a picture whose header was inspected and judged: turned upright, converted from its profile to sRGB.
 * Fails with `undecodable` or `deadline`.
 */
export async function decodeHeic(
  bytes: Uint8Array,
  { width, height, hasAlpha }: Pick<ImageFacts, 'width' | 'height' | 'hasAlpha'>,
  timeLeftMs: number,
): Promise<RawPicture | Failure> {
  const pixels = width * height
  if (bytes.length > pixels * 4 + MAX_PAYLOAD_BYTES)
    return fail('undecodable', `${bytes.length} bytes for ${width}x${height}`)
  const maxMemoryBytes = DECODER_BASE_BYTES + 3 * bytes.length + DECODER_BYTES_PER_PIXEL * pixels
  const file = underStillBrand(bytes)
  const data = await decodeOnThread({ bytes: file, width, height, maxMemoryBytes }, timeLeftMs)
  if (isFailure(data)) return data
  try {
    const { icc } = await sharp(file, UNLIMITED_PIXELS).metadata()
    const opened =
      icc === undefined
        ? sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels: 4 } })
        : sharp(wrapInTiff({ data, width, height }, icc), UNLIMITED_PIXELS)
    const pipeline = hasAlpha ? opened : opened.removeAlpha()
    const converted = await pipeline.toColourspace('srgb').raw().toBuffer()
    return { data: converted, width, height, channels: hasAlpha ? 4 : 3 }
  } catch (error) {
    return fail('undecodable', error instanceof Error ? error.message : String(error))
  }
}

function decodeOnThread(job: HeicJob, timeLeftMs: number): Promise<Uint8Array | Failure> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | Failure>()
  const worker = new Worker(new URL('./heic-worker.ts', import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: MAX_WORKER_HEAP_MIB },
    // What the decoder writes for developers is about somebody's file.
    stdout: true,
    stderr: true,
  })
  const timer = setTimeout(() => resolve(fail('deadline')), timeLeftMs)
  worker.once('message', (reply: HeicReply) =>
    resolve(reply.kind === 'decoded' ? reply.data : fail('undecodable', reply.detail)),
  )
  worker.once('error', (error) => resolve(fail('undecodable', error.message)))
  worker.once('exit', () => resolve(fail('undecodable', 'the decoder ended')))
  return promise.finally(() => {
    clearTimeout(timer)
    void worker.terminate()
  })
}
