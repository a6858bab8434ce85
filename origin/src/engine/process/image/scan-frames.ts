import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { MediaLimits } from '../../../media/limits.ts'
import { readApng } from '../formats/png/apng.ts'
import { playApng } from '../formats/png/apng-compose.ts'
import { evenMoments } from '../moments/moments.ts'
import { coarseFirst, scanCount } from '../moments/scan-choice.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { frameAt } from './animation-frames.ts'
import { decodePaged, shrink } from './decode.ts'
import type { ImageInfo } from './inspect.ts'
import { affordableDecodes, reachableFrames } from './reach.ts'
import { countWholeFrames } from './whole-frames.ts'

/** Twice the side of what the model sees. */
const SIDE_PIXELS = 448
/** What most animations come to, whose length is not known before their frames are. */
const USUAL_COUNT = 5

/** How many frames are decoded for a scan of an animation, those before the wanted ones included: most last a minute or less. */
export function scanDecodes(info: ImageInfo, most: number, limits: MediaLimits): number {
  const { format, frames, hidesDefault } = info
  if (frames === 1) return hidesDefault === true ? 2 : 1
  const wanted = format === 'png' ? frames + 1 : (Math.min(most, USUAL_COUNT) / 2 + 1) * frames
  return 1 + Math.min(wanted, affordableDecodes(info, limits))
}

/**
 * What the model is to see of an animation beside its first frame, far ones first: all frames where there are few, else
 * evenly spaced ones, by the time they are shown, and the last, which stays where it is played once. Those that do not decode
 * are left out, and those that are too far. Of an animated PNG it is also what viewers without animation show.
 */
export async function decodeScanFrames(
  bytes: Uint8Array,
  info: ImageInfo,
  times: readonly number[],
  { most, limits }: { readonly most: number; readonly limits: MediaLimits },
): Promise<readonly RawPicture[]> {
  const still = info.hidesDefault === true ? (await pagedFrames(bytes, info, [0])).pictures : []
  if (info.frames === 1) return still
  const decodes = affordableDecodes(info, limits)
  const look = (frames: number) => {
    const wanted = framesToScan(times.slice(0, frames + 1), frames, most)
    return info.format === 'png'
      ? playedFrames(
          bytes,
          info,
          wanted.filter((frame) => frame < decodes),
        )
      : pagedFrames(bytes, info, reachableFrames(wanted, decodes))
  }
  const { pictures, whole, broken } = await look(info.frames)
  if (broken === undefined) return [...still, ...coarseFirst(pictures)]
  // Browsers play what comes before it, and no more: of that as much is looked at.
  const decodesFrame = async (frame: number) => !isFailure(await decodePaged(bytes, info, frame, 1))
  const frames =
    info.format === 'png'
      ? broken
      : await countWholeFrames(decodesFrame, { from: whole, to: broken, decodes })
  const played = frames > 1 ? (await look(frames)).pictures : []
  return [...still, ...coarseFirst([...played, ...pictures].slice(0, most + 1))]
}

interface Looked {
  readonly pictures: readonly RawPicture[]
  /** The last frame that decodes before one that does not. */
  readonly whole: number
  /** The first that was found not to decode; undefined where all did. */
  readonly broken?: number
}

/** Indices behind the first frame, in order. `times` are when each frame starts, and the end. */
export function framesToScan(times: readonly number[], frames: number, most: number): readonly number[] {
  const seconds = times.at(-1) ?? 0
  const count = scanCount(seconds, most)
  const byTime = evenMoments(seconds, count).map((moment) => frameAt(times, moment))
  // Frames that are shown for long take several moments; what comes between is looked at instead.
  const byIndex = Array.from(
    { length: count },
    (_, part) => 1 + Math.floor(((part + 0.5) * (frames - 1)) / count),
  )
  const wanted = [...byTime, ...byIndex].filter((frame) => frame > 0)
  return [...new Set([...new Set(wanted)].slice(0, count).concat(frames - 1))].toSorted((a, b) => a - b)
}

/** Of APNG every frame is drawn upon the one before: all are, once. */
async function playedFrames(bytes: Uint8Array, info: ImageInfo, wanted: readonly number[]): Promise<Looked> {
  const apng = readApng(bytes)
  if (isFailure(apng)) return { pictures: [], whole: 0 }
  const pictures: RawPicture[] = []
  const last = wanted.at(-1) ?? 0
  let index = 0
  for await (const shown of playApng(apng, info.orientation)) {
    if (isFailure(shown)) return { pictures, whole: index - 1, broken: index }
    if (wanted.includes(index)) {
      const picture = await shrink({ ...shown, data: Buffer.from(shown.data) }, SIDE_PIXELS)
      if (!isFailure(picture)) pictures.push(picture)
    }
    if (index === last) break
    index += 1
  }
  return { pictures, whole: last }
}

async function pagedFrames(bytes: Uint8Array, info: ImageInfo, wanted: readonly number[]): Promise<Looked> {
  const pictures: RawPicture[] = []
  let whole = 0
  let broken: number | undefined
  for (const frame of wanted) {
    const picture = await decodePaged(bytes, info, frame, SIDE_PIXELS)
    if (isFailure(picture)) {
      broken ??= frame
      continue
    }
    pictures.push(picture)
    if (broken === undefined) whole = frame
  }
  return { pictures, whole, ...(broken === undefined ? {} : { broken }) }
}
