/**
 * Pictures of more than 8 bits a sample with a colour profile. Sharp (0.35.5) brings them to Display P3 and leaves them
 * there, without saying so in its output: what it would take for sRGB looks pale.
 */

import type { Metadata, Sharp } from 'sharp'
import { spaceOfProfile } from './icc-header.ts'

/** Tells whether Sharp takes a picture to Display P3 on the way. A profile that it cannot use, it passes over. */
export function hasDeepProfile({ space, icc }: Pick<Metadata, 'space' | 'icc'>): boolean {
  return space === 'rgb16' && spaceOfProfile(icc) === 'RGB '
}

/** Has a picture with such a profile end in sRGB. */
export function toScreen(pipeline: Sharp, { deepProfile }: { readonly deepProfile: boolean }): Sharp {
  return deepProfile ? pipeline.withIccProfile('srgb', { attach: false }) : pipeline
}
