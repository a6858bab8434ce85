/** The metadata fields that are returned only on request. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ExtraName, ResultOf } from '../../jobs.ts'
import { readWaveform } from '../clip/waveform.ts'
import { blurHashOf } from '../image/blur-hash.ts'
import { paletteOf } from '../image/palette.ts'
import { perceptualHashOf } from '../image/perceptual-hash.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { VideoTools } from '../video/video.ts'
import type { Examined } from './examine.ts'

type Extras = Pick<Extract<ResultOf<'examine'>, { readonly kind: 'examined' }>, ExtraName>

const VISUAL_EXTRAS = {
  blurhash: blurHashOf,
  palette: paletteOf,
  phash: perceptualHashOf,
} as const

function isVisualExtra(name: ExtraName): name is keyof typeof VISUAL_EXTRAS {
  return Object.hasOwn(VISUAL_EXTRAS, name)
}

/** Returns the requested extras that apply to the media. Fails with `undecodable`. */
export async function extrasOf(
  { codecs, first }: Pick<Examined, 'codecs' | 'first'>,
  names: readonly ExtraName[],
): Promise<Extras | Failure> {
  const extras: Extras = { ...(names.includes('codecs') && codecs !== undefined ? { codecs } : {}) }
  if (first === undefined) return extras
  return collect(first, names, extras)
}

async function collect(
  first: RawImage,
  names: readonly ExtraName[],
  extras: Extras,
): Promise<Extras | Failure> {
  let collected = extras
  for (const name of names) {
    if (!isVisualExtra(name)) continue
    const value = await VISUAL_EXTRAS[name](first)
    if (isFailure(value)) return value
    if (value !== undefined) collected = { ...collected, [name]: value }
  }
  return collected
}

/**
 * Returns the waveform of the examined media, in base64. Its cost was admitted by the examination. Undefined
 * for images, for media without decodable audio, or when libav is not installed.
 */
export async function waveformOf(
  source: MediaSource,
  { kind }: Pick<Examined, 'kind'>,
  tools: VideoTools,
): Promise<string | undefined | Failure> {
  if (kind.kind === 'image') return undefined
  const libav = await tools.libav()
  if (libav === undefined) return undefined
  const peaks = readWaveform(libav, source, kind.format)
  return peaks === undefined || isFailure(peaks) ? peaks : Buffer.from(peaks).toString('base64')
}
