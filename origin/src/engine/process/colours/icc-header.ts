/**
 * Reads the header of a colour profile (ICC.1:2022, section 7.2), and checks whether the profile can apply to
 * an image.
 */

import type { Metadata } from 'sharp'

const HEADER_BYTES = 128
const SPACE_AT = 16
const SIGNATURE_AT = 36

/** Returns the colour space of a profile, as four characters. Undefined when the data is not a profile. */
export function spaceOfProfile(icc: Buffer | undefined): string | undefined {
  if (icc === undefined || icc.length < HEADER_BYTES) return undefined
  const isProfile = icc.toString('latin1', SIGNATURE_AT, SIGNATURE_AT + 4) === 'acsp'
  return isProfile ? icc.toString('latin1', SPACE_AT, SPACE_AT + 4) : undefined
}

/**
 * Whether browsers apply a profile to an image in this colour space. An RGB profile applies to grey, but a
 * grey profile does not apply to RGB.
 */
export function isProfileOf(icc: Buffer | undefined, space: Metadata['space']): boolean {
  const actual = spaceOfProfile(icc)
  if (GREYS.has(space)) return actual === 'GRAY' || actual === 'RGB '
  return actual === (space === 'cmyk' ? 'CMYK' : 'RGB ')
}

const GREYS: ReadonlySet<string> = new Set(['b-w', 'grey16'])
