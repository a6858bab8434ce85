/**
 * Pictures of more than 8 bits a sample with a colour profile. Sharp (0.35.5) brings them to Display P3 and leaves them
 * there, without saying so in its output: what it would take for sRGB looks pale.
 */

import type { Metadata, Sharp } from 'sharp'
import { isProfileOf } from './icc-header.ts'

type Profiled = Pick<Metadata, 'space' | 'icc'>

/** Tells whether Sharp takes a picture to Display P3 on the way, by a profile that browsers use. */
export function hasDeepProfile({ space, icc }: Profiled): boolean {
  return space === 'rgb16' && isProfileOf(icc, space)
}

/** Tells whether it does so by a profile that browsers do not use: it would take the colours for sRGB's first. */
export function hasUselessProfile({ space, icc }: Profiled): boolean {
  return space === 'rgb16' && icc !== undefined && !isProfileOf(icc, space)
}

/** Has a picture with such a profile end in sRGB. */
export function toScreen(pipeline: Sharp, { deepProfile }: { readonly deepProfile: boolean }): Sharp {
  return deepProfile ? pipeline.withIccProfile('srgb', { attach: false }) : pipeline
}
