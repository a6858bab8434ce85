/** Builds the readers of sources: of the buckets and of external servers. */

import { networkInterfaces } from 'node:os'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { createLane, type Lane } from '../concurrency/lane.ts'
import { shareOf } from '../concurrency/share.ts'
import { hides } from '../nsfw/serve-policy.ts'
import { WHOLE_BYTES } from '../source/bytes/source.ts'
import { createExternalFetch, type ExternalFetch } from '../source/external/fetch.ts'
import { createSourceReader, type ReadLanes, type SourceReader } from '../source/reader.ts'
import type { Observer } from '../telemetry/observer.ts'
import { observeSources } from './instrument.ts'

/** The maximum number of concurrent reads per lane. Reads wait for the network rather than for a CPU. */
const CONCURRENT_READS = 32

export interface Sources {
  readonly reads: ReadLanes
  readonly memory: Lane
  readonly publicReader: SourceReader
  /** Returns the sources of a bucket. Undefined for a bucket that is not configured. */
  readerOf(bucket: string): SourceReader | undefined
}

export interface OpenSourcesOptions {
  readonly store: ObjectStore
  readonly external: ExternalFetch
  readonly observer: Observer
  /** Wraps a lane with an observer. */
  readonly watched: (name: string, lane: Lane) => Lane
}

/** Opens the readers of all buckets. They share their lanes and the memory for sources. */
export function openSources(
  { limits, nsfw, s3 }: Config,
  { store, external, observer, watched }: OpenSourcesOptions,
): Sources {
  const readsWhole = hides(nsfw.onServe)
  const queue = limits.queuedRenders
  const reads = {
    stored: watched('reads', createLane({ concurrency: CONCURRENT_READS, queue })),
    external: watched('external-reads', createLane({ concurrency: CONCURRENT_READS, queue })),
  }
  const memory = watched(
    'memory',
    createLane({
      concurrency: Number.POSITIVE_INFINITY,
      queue,
      capacityBytes: limits.sourceMemoryBytes,
    }),
  )
  // External servers that stall can hold only half of the memory, so the rest remains for stored objects.
  const capacityBytes = Math.max(limits.sourceMemoryBytes / 2, WHOLE_BYTES)
  const externalMemory = shareOf(
    memory,
    createLane({ concurrency: Number.POSITIVE_INFINITY, queue, capacityBytes }),
  )
  const open = (bucket: string) =>
    observeSources(
      createSourceReader({
        store,
        bucket,
        external,
        limits,
        memory,
        externalMemory,
        readsWhole,
        lanes: reads,
      }),
      observer,
    )
  const publicReader = open(s3.bucketCdn)
  const readers = new Map([
    [s3.bucketUploads, open(s3.bucketUploads)],
    [s3.bucketStatic, open(s3.bucketStatic)],
    // The last entry, so that a bucket that is configured under
    // several names shares its reads with the public routes.
    [s3.bucketCdn, publicReader],
  ])
  return { reads, memory, publicReader, readerOf: (bucket) => readers.get(bucket) }
}

/** Opens the client for external media. `ownName` marks its requests, so that the service recognises them. */
export function openExternal({ external, limits }: Config, ownName: string | undefined): ExternalFetch {
  return createExternalFetch({
    ownName,
    policy: {
      ports: external.ports,
      allowedHosts: external.allowedHosts,
      ownAddresses: ownAddresses(),
    },
    nameServers: external.nameServers,
    userAgent: external.userAgent,
    timeoutMs: external.timeoutMs,
    maxBytes: limits.sourceBytes,
  })
}

/** Returns all addresses of this machine, including public ones. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.map(({ address }) => address),
  )
}
