/**
 * Pictures of more than 8 bits a sample with a colour profile. Sharp (0.35.5) brings them to Display P3 and leaves them
 * there, without saying so in its output: what it would take for sRGB looks pale.
 */

import type { Metadata, Sharp } from 'sharp'

/** Tells whether Sharp takes a picture to Display P3 on the way. A profile that it cannot use, it passes over. */
export function hasDeepProfile({ space, icc }: Pick<Metadata, 'space' | 'icc'>): boolean {
  if (icc === undefined || icc.length < HEADER_BYTES) return false
  const isProfile = icc.toString('latin1', SIGNATURE_AT, SIGNATURE_AT + 4) === 'acsp'
  const isOfRgb = icc.toString('latin1', SPACE_AT, SPACE_AT + 4) === 'RGB '
  return space === 'rgb16' && isProfile && isOfRgb
}

/** Tells whether a picture is of inks, and has no profile that says what they look like. */
export function isOfBareInks({ space, icc }: Pick<Metadata, 'space' | 'icc'>): boolean {
  return space === 'cmyk' && icc?.toString('latin1', SPACE_AT, SPACE_AT + 4) !== 'CMYK'
}

/** Profile header (ICC.1:2022, section 7.2). */
const HEADER_BYTES = 128
const SPACE_AT = 16
const SIGNATURE_AT = 36

/** Has a picture with such a profile end in sRGB. */
export function toScreen(pipeline: Sharp, { deepProfile }: { readonly deepProfile: boolean }): Sharp {
  return deepProfile ? pipeline.withIccProfile('srgb', { attach: false }) : pipeline
}
