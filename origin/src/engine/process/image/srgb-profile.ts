/** Recognises colour profiles that change nothing. Many cameras and programs embed that of sRGB. */

import { hash } from 'node:crypto'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import { spaceOfProfile } from '../colours/icc-header.ts'
import { toSrgb } from './to-srgb.ts'

/** Profiles of sRGB have 400 to 7,000 bytes. */
const MAX_PROFILE_BYTES = 64 * 1024

/** Nine levels of each channel, in every combination. */
const SIDE = 27
const LEVELS = 9
const COLOURS = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, at) => {
  const level = Math.floor(Math.floor(at / 3) / LEVELS ** (at % 3)) % LEVELS
  return Math.round((level * 255) / (LEVELS - 1))
})

/** Files of one source have the same profile, and applying it takes as long as scaling an avatar. */
const KNOWN = new LRUCache<string, boolean>({ max: 32 })

/** Whether every colour of a profile is the same in sRGB, to within a level. */
export async function isSrgbProfile(icc: Uint8Array): Promise<boolean> {
  const profile = Buffer.from(icc)
  if (profile.length > MAX_PROFILE_BYTES || spaceOfProfile(profile) !== 'RGB ') return false
  const id = hash('sha256', profile, 'base64')
  const known = KNOWN.get(id)
  if (known !== undefined) return known
  const image = { data: COLOURS, width: SIDE, height: SIDE, channels: 3, bitsPerSample: 8 } as const
  const shown = await toSrgb({ ...image, isGrey: false, icc: profile })
  const isSrgb =
    !isFailure(shown) && COLOURS.every((level, at) => Math.abs(level - (shown.data[at] ?? 0)) <= 1)
  KNOWN.set(id, isSrgb)
  return isSrgb
}
