/** Renders videos in this process, for tests of clips, previews and stills. */

import { render } from '@media-proxy/origin/engine/process/jobs/render.ts'
import { type MediaSource, memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import type { RenderOptions } from '@media-proxy/origin/engine/render-options.ts'
import { mediaKindOfName } from '@media-proxy/origin/media/kinds.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { ANY_COST, ignoreReport, LIMITS, libavTools } from '../video-tools.ts'
import { colourOf, framesOf, inspectClip } from './clip-facts.ts'

/** The arguments with which FFmpeg encodes H.264 quickly. */
export const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast', '-crf', '12']
/** The `time` of a request. */
export const TIME = (seconds: number) => ({ milliseconds: seconds * 1000 })

export type Overrides = Partial<RenderOptions> & { readonly width?: number }

/** Returns a video in memory. Its name determines its format. */
export function sourceOf(name: string, bytes: Uint8Array): MediaSource {
  return memorySource(bytes, mediaKindOfName(name))
}

/** Renders a source, by default as an MP4. */
export async function rendered(source: MediaSource, overrides: Overrides): Promise<Buffer | Failure> {
  const { width, ...options } = overrides
  const result = await render(
    source,
    {
      options: {
        format: 'mp4',
        quality: 80,
        isQualityRequested: false,
        animated: false,
        imagesOnly: false,
        geometry: {
          kind: 'transformation',
          fit: 'cover',
          gravity: 'centre',
          ...(width === undefined ? {} : { width }),
        },
        ...options,
      } as RenderOptions,
      limits: LIMITS,
      renderQuality: 'fine',
      allowance: ANY_COST,
    },
    libavTools,
    { reportCost: ignoreReport, reportProgress: ignoreReport },
  )
  if (isFailure(result)) return result
  if (result.kind !== 'rendered' || result.bytes === undefined) throw new Error(result.kind)
  return Buffer.from(result.bytes)
}

/** Renders a video that has to succeed. */
export async function made(name: string, bytes: Uint8Array, overrides: Overrides = {}): Promise<Buffer> {
  const result = await rendered(sourceOf(name, bytes), overrides)
  if (isFailure(result)) throw new Error(`${result.code} ${result.detail}`)
  return result
}

/** Returns the colours of a clip's frames, without consecutive duplicates. */
export async function coloursOf(clip: Buffer): Promise<readonly string[]> {
  const frames = await framesOf(clip, await inspectClip(clip))
  const colours = frames.map((frame) => colourOf(frame))
  return colours.filter((colour, at) => colour !== colours[at - 1])
}

/** Returns the RGBA pixels of an image. */
export async function pixelsOf(png: Buffer): Promise<Buffer> {
  return sharp(png).ensureAlpha().raw().toBuffer()
}
