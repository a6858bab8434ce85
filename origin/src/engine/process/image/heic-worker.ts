/**
 * Decodes one HEIC picture on a thread that lives as long as that: what a hostile file does to the decoder's
 * memory ends with it, and a decoder that does not come back can be stopped.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { MainModule } from 'libheif-js/libheif-wasm/libheif.js'
import { lowerOwnPriority, PRIORITIES } from '../../priority.ts'

export interface HeicJob {
  readonly bytes: Uint8Array
  /** What the header declares, after rotation. */
  readonly width: number
  readonly height: number
  /** Beyond it the decoder gets no memory. */
  readonly maxMemoryBytes: number
}

export type HeicReply =
  /** RGBA without padding. */
  | { readonly kind: 'decoded'; readonly data: Uint8Array }
  | { readonly kind: 'failed'; readonly detail: string }

interface DecodedPlane {
  readonly id: unknown
  readonly width: number
  readonly height: number
  /** Bytes from one row to the next. */
  readonly stride: number
  readonly data: Uint8Array
}

const PAGE_BYTES = 65_536
const RGBA = 4

/** The stream may be larger than its header says; the memory it asks for tells. */
function limitMemory(maxBytes: number): void {
  interface Memory {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  const { prototype }: { readonly prototype: Memory } = Reflect.get(globalThis, 'WebAssembly').Memory
  const { grow } = prototype
  prototype.grow = function (this: Memory, pages) {
    if (this.buffer.byteLength + pages * PAGE_BYTES > maxBytes) throw new RangeError('no more memory')
    return grow.call(this, pages)
  }
}

async function decode({ bytes, width, height }: HeicJob): Promise<Uint8Array<ArrayBuffer>> {
  const require = createRequire(import.meta.url)
  const create: (options: {
    readonly wasmBinary: Uint8Array
  }) => MainModule = require('libheif-js/libheif-wasm/libheif.js')
  const libheif = create({
    wasmBinary: readFileSync(require.resolve('libheif-js/libheif-wasm/libheif.wasm')),
  })
  const context = libheif.heif_context_alloc()
  if (context === null) throw new Error('no context')
  const read = libheif.heif_context_read_from_memory(context, bytes)
  if (read.code !== libheif.heif_error_code.heif_error_Ok) throw new Error(String(read.message))
  const handle = libheif.heif_js_context_get_primary_image_handle(context)
  if (!handle || handle.code) throw new Error('no primary picture')
  // Rotation, mirroring and cropping are applied by the decoder; EXIF orientation repeats them and is ignored.
  const decoded = await libheif.heif_js_decode_image2(
    handle,
    libheif.heif_colorspace.heif_colorspace_RGB,
    libheif.heif_chroma.heif_chroma_interleaved_RGBA,
  )
  if (!decoded || decoded.code) throw new Error(String(decoded?.message ?? 'not decoded'))
  const planes: readonly DecodedPlane[] = decoded.channels
  const plane = planes.find(({ id }) => id === libheif.heif_channel.heif_channel_interleaved)
  if (plane === undefined || plane.width !== width || plane.height !== height)
    throw new Error(`decoded to ${plane?.width}x${plane?.height} instead of ${width}x${height}`)
  const pixels = new Uint8Array(width * height * RGBA)
  for (let row = 0; row < height; row += 1) {
    const start = row * plane.stride
    pixels.set(plane.data.subarray(start, start + width * RGBA), row * width * RGBA)
  }
  return pixels
}

const job: HeicJob = workerData
limitMemory(job.maxMemoryBytes)
lowerOwnPriority(PRIORITIES.renders)
try {
  const data = await decode(job)
  const reply: HeicReply = { kind: 'decoded', data }
  parentPort?.postMessage(reply, [data.buffer])
} catch (error) {
  const detail = (error instanceof Error ? error.message : String(error)).slice(0, 200)
  const reply: HeicReply = { kind: 'failed', detail }
  parentPort?.postMessage(reply)
}
