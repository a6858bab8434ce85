import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { MediaLimits } from '../../../media/limits.ts'
import { ANALYSIS_SIDE_PIXELS } from '../../scan-model.ts'
import { readApng } from '../formats/png/apng.ts'
import { playApng } from '../formats/png/apng-compose.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { coarseFirst, scanCount } from '../timestamps/scan-choice.ts'
import { evenTimestamps } from '../timestamps/timestamps.ts'
import { frameAt } from './animation-frames.ts'
import { decodePaged, shrink } from './decode.ts'
import { affordableDecodes, reachableFrames } from './frame-budget.ts'
import type { ImageInfo } from './inspect.ts'
import { countWholeFrames } from './whole-frames.ts'

/**
 * The number of scanned frames that most animations have. Their duration is not known before their frames are
 * read.
 */
const USUAL_COUNT = 5

/**
 * Returns the number of frames that are decoded for a scan of an animation, including those before the wanted
 * ones. It assumes the duration of most animations, a minute or less.
 */
export function scanDecodes(info: ImageInfo, maxFrames: number, limits: MediaLimits): number {
  const { format, frames, hidesDefault } = info
  if (frames === 1) return hidesDefault === true ? 2 : 1
  const decodes = format === 'png' ? frames + 1 : (Math.min(maxFrames, USUAL_COUNT) / 2 + 1) * frames
  return 1 + Math.min(decodes, affordableDecodes(info, limits))
}

/**
 * Returns the frames of an animation to scan in addition to the first one, distant ones first: all frames if
 * there are few, otherwise frames that are evenly spaced in display time, and the last, which stays visible
 * when the animation is played once. Frames that do not decode, or that are too far to decode, are left out.
 * For an animated PNG, the image that viewers without animation show is included.
 */
export async function decodeScanFrames(
  bytes: Uint8Array,
  info: ImageInfo,
  times: readonly number[],
  { maxFrames, limits }: { readonly maxFrames: number; readonly limits: MediaLimits },
): Promise<readonly RawImage[]> {
  const still = info.hidesDefault === true ? (await pagedFrames(bytes, info, [0])).decodedFrames : []
  if (info.frames === 1) return still
  const decodes = affordableDecodes(info, limits)
  const decodeFrames = (frames: number) => {
    const selected = framesToScan(times.slice(0, frames + 1), frames, maxFrames)
    return info.format === 'png'
      ? playedFrames(
          bytes,
          info,
          selected.filter((frame) => frame < decodes),
        )
      : pagedFrames(bytes, info, reachableFrames(selected, decodes))
  }
  const { decodedFrames, whole, broken } = await decodeFrames(info.frames)
  if (broken === undefined) return [...still, ...coarseFirst(decodedFrames)]
  // Browsers play only the frames before it, so the scan takes its frames from those.
  const decodesFrame = async (frame: number) => !isFailure(await decodePaged(bytes, info, frame, 1))
  const frames =
    info.format === 'png'
      ? broken
      : await countWholeFrames(decodesFrame, { from: whole, to: broken, decodes })
  const played = frames > 1 ? (await decodeFrames(frames)).decodedFrames : []
  return [...still, ...coarseFirst([...played, ...decodedFrames].slice(0, maxFrames + 1))]
}

interface DecodedFrames {
  readonly decodedFrames: readonly RawImage[]
  /** The last frame before the first broken one. */
  readonly whole: number
  /** The first frame that was found to be broken. Undefined when all were decoded. */
  readonly broken?: number
}

/**
 * Returns the sorted indices of the frames to scan, without the first. `times` are the start times of the
 * frames, and the end.
 */
function framesToScan(times: readonly number[], frames: number, maxFrames: number): readonly number[] {
  const seconds = times.at(-1) ?? 0
  const count = scanCount(seconds, maxFrames)
  const byTime = evenTimestamps(seconds, count).map((timestamp) => frameAt(times, timestamp))
  // A frame that is shown for long takes several of the evenly spaced times. Frames that are evenly spaced by
  // index are scanned instead.
  const byIndex = Array.from(
    { length: count },
    (_, part) => 1 + Math.floor(((part + 0.5) * (frames - 1)) / count),
  )
  const selected = [...byTime, ...byIndex].filter((frame) => frame > 0)
  return [...new Set([...new Set(selected)].slice(0, count).concat(frames - 1))].toSorted((a, b) => a - b)
}

/**
 * Decodes the wanted frames of an APNG. Every frame is composed on the previous one, so all are decoded once.
 */
async function playedFrames(
  bytes: Uint8Array,
  info: ImageInfo,
  selected: readonly number[],
): Promise<DecodedFrames> {
  const apng = readApng(bytes)
  if (isFailure(apng)) return { decodedFrames: [], whole: 0 }
  const decodedFrames: RawImage[] = []
  const last = selected.at(-1) ?? 0
  let index = 0
  for await (const shown of playApng(apng, info.orientation)) {
    if (isFailure(shown)) return { decodedFrames, whole: index - 1, broken: index }
    if (selected.includes(index)) {
      const image = await shrink({ ...shown, data: Buffer.from(shown.data) }, ANALYSIS_SIDE_PIXELS)
      if (!isFailure(image)) decodedFrames.push(image)
    }
    if (index === last) break
    index += 1
  }
  return { decodedFrames, whole: last }
}

async function pagedFrames(
  bytes: Uint8Array,
  info: ImageInfo,
  selected: readonly number[],
): Promise<DecodedFrames> {
  const decodedFrames: RawImage[] = []
  let whole = 0
  let broken: number | undefined
  for (const frame of selected) {
    const image = await decodePaged(bytes, info, frame, ANALYSIS_SIDE_PIXELS)
    if (isFailure(image)) {
      broken ??= frame
      continue
    }
    decodedFrames.push(image)
    if (broken === undefined) whole = frame
  }
  return { decodedFrames, whole, ...(broken === undefined ? {} : { broken }) }
}
