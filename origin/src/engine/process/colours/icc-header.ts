/** The header of a colour profile (ICC.1:2022, section 7.2), and whether a picture can be meant by it. */

import type { Metadata } from 'sharp'

const HEADER_BYTES = 128
const SPACE_AT = 16
const SIGNATURE_AT = 36

/** The colours that a profile is of, as four characters; undefined where that is no profile. */
export function spaceOfProfile(icc: Buffer | undefined): string | undefined {
  if (icc === undefined || icc.length < HEADER_BYTES) return undefined
  const isProfile = icc.toString('latin1', SIGNATURE_AT, SIGNATURE_AT + 4) === 'acsp'
  return isProfile ? icc.toString('latin1', SPACE_AT, SPACE_AT + 4) : undefined
}

/** Tells whether browsers convert such a picture by such a profile: grey is a colour, too, and no colour is grey. */
export function isProfileOf(icc: Buffer | undefined, space: Metadata['space']): boolean {
  const told = spaceOfProfile(icc)
  if (GREYS.has(space)) return told === 'GRAY' || told === 'RGB '
  return told === (space === 'cmyk' ? 'CMYK' : 'RGB ')
}

const GREYS: ReadonlySet<string> = new Set(['b-w', 'grey16'])
