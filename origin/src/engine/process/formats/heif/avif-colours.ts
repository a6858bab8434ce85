import { declaredColours } from '../../colours/declared-colours.ts'
import { spaceOfProfile } from '../../colours/icc-header.ts'
import { isFullRangeAv1 } from './av1-range.ts'
import { isFullRangeNclx, nclxColours, profileOf } from './heif-colours.ts'
import { codedItem, type HeifFile, type HeifItem, readHeif, shownItem } from './heif-items.ts'

/**
 * Whether an AVIF has a feature that Sharp ignores: colours declared by code points, premultiplied
 * colours, alpha or grey of limited range, full range that only the code points declare, grey with a profile,
 * or alpha that is not transformed like its image. It also returns true for grids whose tiles carry the
 * transformations of the image, as avifenc wrote them: browsers transform such an image as a whole.
 */
export function isBeyondSharp(bytes: Uint8Array): boolean {
  const file = readHeif(bytes)
  if (file === undefined) return false
  const shown = shownItem(file)
  const { properties } = shown
  const profile = profileOf(properties)
  const declared = profile === undefined ? declaredColours(nclxColours(properties), 'as sRGB') : 'srgb'
  const alpha = file.alphaOf(file.primary) ?? file.alphaOf(shown)
  const coded = codedItem(file, shown)
  const isFull = isFullRangeNclx(properties)
  return (
    declared !== 'srgb' ||
    file.isPremultiplied(file.primary) ||
    (shown.type === 'grid' && file.sourcesOf(shown).some(isTransformed)) ||
    (alpha !== undefined && (isLimited(file, alpha) || !hasSameTransforms(alpha, shown))) ||
    (isFull === true && isLimited(file, coded)) ||
    (isMonochrome(coded.properties) &&
      (spaceOfProfile(profile) === 'GRAY' || !(isFull ?? !isLimited(file, coded))))
  )
}

const MOVES: ReadonlySet<string> = new Set(['irot', 'imir', 'clap'])

function isTransformed({ properties }: HeifItem): boolean {
  return properties.some(({ type }) => MOVES.has(type))
}

/**
 * Whether the alpha item declares the same transformations as its image. Browsers then transform both
 * together; libheif does not.
 */
function hasSameTransforms(alpha: HeifItem, image: HeifItem): boolean {
  const moves = ({ properties }: HeifItem) =>
    properties.filter(({ type }) => MOVES.has(type)).map(({ type, data }) => type + data.toString('latin1'))
  const [own, wanted] = [moves(alpha), moves(image)]
  return own.length === wanted.length && own.every((move, at) => move === wanted[at])
}

const MONOCHROME_FLAG = 0x10

/**
 * Whether the item is monochrome, according to its codec configuration (AV1 in ISO media, section
 * 2.3.3).
 */
function isMonochrome(properties: HeifItem['properties']): boolean {
  const configuration = properties.find(({ type }) => type === 'av1C')?.data
  return configuration !== undefined && ((configuration[2] ?? 0) & MONOCHROME_FLAG) !== 0
}

function isLimited(file: HeifFile, item: HeifItem): boolean {
  const coded = file.bytesOf(item)
  return coded !== undefined && isFullRangeAv1(coded) === false
}
