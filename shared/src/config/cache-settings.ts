/** The settings of the caches. */

import { choice, integer, optionalText } from './settings.ts'

const MIB = 1024 * 1024

export const CACHE_SETTINGS = {
  memoryBytes: integer("The size of the origin's in-memory cache of renditions, in bytes. 0 turns it off.", {
    min: 0,
    max: 64 * 1024 * MIB,
    default: 32 * MIB,
  }),
  memoryEntryBytes: integer(
    'The largest rendition in the in-memory cache, in bytes. A larger one, such as a clip, stays there for only a minute ' +
      'after a request.',
    {
      min: 1,
      max: 1024 * MIB,
      default: 8 * MIB,
    },
  ),
  memorySeconds: integer(
    'The age at which the origin revalidates a cached rendition with the store, in seconds.',
    {
      min: 0,
      max: 86_400,
      default: 120,
    },
  ),
  edgeSeconds: integer(
    'The age at which the edge revalidates a cached response with the origin, in seconds.',
    {
      min: 1,
      max: 31_536_000,
      default: 86_400,
    },
  ),
  notFoundSeconds: integer(
    'The time for which the edge caches that an object is missing, in seconds. 0 turns it off.',
    {
      min: 0,
      max: 3600,
      default: 30,
    },
  ),
  cloudflareZone: optionalText('The zone id of publicUrl. With it, a purge reaches every location.'),
  cloudflareToken: optionalText('An API token that may purge that zone.', { secret: true }),
  edgeDriver: choice(
    'The cache of the edge. `cache-api` caches separately in each location. `workers-cache` is shared by all locations; ' +
      'wrangler.toml must turn it on for the entrypoint CachedMedia.',
    ['cache-api', 'workers-cache'],
    { default: 'cache-api' },
  ),
  edgeEntryBytes: integer('The largest body in the edge cache, in bytes.', {
    min: 1,
    max: 512 * MIB,
    default: 32 * MIB,
  }),
}
