import { spaceOfProfile } from '../../colours/icc-header.ts'
import { toldColours } from '../../colours/told-colours.ts'
import { isFullRangeAv1 } from './av1-range.ts'
import { nclxColours, profileOf } from './heif-colours.ts'
import { type HeifFile, type HeifItem, readHeif, shownItem } from './heif-items.ts'

/**
 * Tells whether an AVIF has what Sharp passes over: colours told by code points, colours that were multiplied by their alpha,
 * alpha or grey of limited range, and grey with a profile; or tiles that are told to be turned as their picture is, as
 * avifenc wrote them, which browsers turn as a whole.
 */
export function isBeyondSharp(bytes: Uint8Array): boolean {
  const file = readHeif(bytes)
  if (file === undefined) return false
  const shown = shownItem(file)
  const { properties } = shown
  const profile = profileOf(properties)
  const told = profile === undefined ? toldColours(nclxColours(properties), 'as sRGB') : 'srgb'
  const alpha = file.alphaOf(file.primary) ?? file.alphaOf(shown)
  return (
    told !== 'srgb' ||
    file.isPremultiplied(file.primary) ||
    (shown.type === 'grid' && file.sourcesOf(shown).some(isMoved)) ||
    (alpha !== undefined && (isLimited(file, alpha) || !movesWith(alpha, shown))) ||
    (isMonochrome(properties) && (spaceOfProfile(profile) === 'GRAY' || isLimited(file, shown)))
  )
}

const MOVES: ReadonlySet<string> = new Set(['irot', 'imir', 'clap'])

function isMoved({ properties }: HeifItem): boolean {
  return properties.some(({ type }) => MOVES.has(type))
}

/** Tells whether alpha says itself how it is turned, as its picture is; browsers turn it with that, libheif does not. */
function movesWith(alpha: HeifItem, picture: HeifItem): boolean {
  const moves = ({ properties }: HeifItem) =>
    properties.filter(({ type }) => MOVES.has(type)).map(({ type, data }) => type + data.toString('latin1'))
  const [own, wanted] = [moves(alpha), moves(picture)]
  return own.length === wanted.length && own.every((move, at) => move === wanted[at])
}

const MONOCHROME_FLAG = 0x10

/** By the configuration of its coding (AV1 in ISO media, section 2.3.3). */
function isMonochrome(properties: HeifItem['properties']): boolean {
  const configuration = properties.find(({ type }) => type === 'av1C')?.data
  return configuration !== undefined && ((configuration[2] ?? 0) & MONOCHROME_FLAG) !== 0
}

function isLimited(file: HeifFile, item: HeifItem): boolean {
  const coded = file.bytesOf(item)
  return coded !== undefined && isFullRangeAv1(coded) === false
}
