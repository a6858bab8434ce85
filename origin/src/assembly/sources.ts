/** Where sources come from: the buckets, and elsewhere. */

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

/** Reads of each lane that may run at the same time; they wait for the network rather than for a processor. */
const CONCURRENT_READS = 32

export interface Sources {
  readonly reads: ReadLanes
  readonly memory: Lane
  readonly publicReader: SourceReader
  /** The sources of a bucket; undefined for one that is not configured. */
  readerOf(bucket: string): SourceReader | undefined
}

export interface OpenSourcesOptions {
  readonly store: ObjectStore
  readonly external: ExternalFetch
  readonly observer: Observer
  /** Puts whoever watches at the door of a lane. */
  readonly watched: (name: string, lane: Lane) => Lane
}

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
  // Far servers that stop in the middle leave the rest to stored objects.
  const capacityBytes = Math.max(limits.sourceMemoryBytes / 2, WHOLE_BYTES)
  const externalMemory = shareOf(
    memory,
    createLane({ concurrency: Number.POSITIVE_INFINITY, queue, capacityBytes }),
  )
  const open = (bucket: string) =>
    observeSources(
      createSourceReader({
        ...{ store, bucket, external, limits, memory, externalMemory, readsWhole },
        lanes: reads,
      }),
      observer,
    )
  const publicReader = open(s3.bucketCdn)
  const readers = new Map([
    [s3.bucketUploads, open(s3.bucketUploads)],
    [s3.bucketStatic, open(s3.bucketStatic)],
    // Last, so that a bucket of several names shares its reads with the public routes.
    [s3.bucketCdn, publicReader],
  ])
  return { reads, memory, publicReader, readerOf: (bucket) => readers.get(bucket) }
}

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

/** Every address of this machine, however public it looks. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.map(({ address }) => address),
  )
}
