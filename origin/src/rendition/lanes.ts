/** Which lane a piece of work takes: small pictures never wait for large ones, and neither for videos. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { createLane, type Lane } from '../concurrency/lane.ts'
import { decodedBytesOf } from '../engine/process/image/inspect.ts'
import { mediaKindOfName } from '../media/kinds.ts'
import type { Source } from '../source/source.ts'
import type { Order } from './order.ts'

export interface RenderLanes {
  /** What is being read, or waits for it, and will want one of the others. */
  readonly reads: Lane
  readonly small: Lane
  /** Bounded in decoded bytes too. */
  readonly large: Lane
  /** Videos wait for the store and for children, and a frame in memory is megabytes. */
  readonly videos: Lane
}

export interface RenderLanesOptions {
  readonly reads: Lane
  /** Pictures of one lane that are rendered at the same time. */
  readonly renders: number
  readonly videos: number
  readonly queue: number
  /** Bound on the decoded bytes of large pictures under way. */
  readonly memoryBytes: number
  /** Puts whoever watches at the door of a lane. */
  readonly watched: (name: string, lane: Lane) => Lane
}

/** Decoded bytes from which a picture is a large one: 8 megapixels with alpha. */
const LARGE_BYTES = 32 * 1024 * 1024

export function createRenderLanes({
  reads,
  renders,
  videos,
  queue,
  memoryBytes,
  watched,
}: RenderLanesOptions): RenderLanes {
  return {
    reads,
    small: watched('small', createLane({ concurrency: renders, queue })),
    large: watched('large', createLane({ concurrency: renders, queue, capacityBytes: memoryBytes })),
    videos: watched('videos', createLane({ concurrency: videos, queue })),
  }
}

/**
 * Why a request would be refused, told before anything is read for it: under overload, reading what is then refused
 * would take the processor from what is not. A name is only a hint at the kind; it decides nothing but this.
 */
export function refusalOf({ place }: Pick<Order, 'place'>, lanes: RenderLanes): Failure | undefined {
  const name = 'url' in place ? new URL(place.url).pathname : (place.keys[0] ?? '')
  const lane = mediaKindOfName(name)?.kind === 'video' ? lanes.videos : lanes.small
  return lane.refusal(lanes.reads.running + lanes.reads.waiting)
}

/** The lane of a source, and what the work on it weighs. A header that cannot be read costs next to nothing. */
export async function laneOf(
  source: Source,
  animated: boolean,
  lanes: RenderLanes,
): Promise<{ readonly lane: Lane; readonly weightBytes: number }> {
  if (source.kind?.kind === 'video') return { lane: lanes.videos, weightBytes: 0 }
  const facts = await source.facts()
  const weightBytes = isFailure(facts) ? 0 : decodedBytesOf(facts, animated)
  return { lane: weightBytes > LARGE_BYTES ? lanes.large : lanes.small, weightBytes }
}
