import { boxesIn } from '../../../../media/iso-boxes.ts'
import { readSequence } from './sequence.ts'

/**
 * Returns a copy of the AVIF without the index of a video that follows the image, as cameras append it to
 * photos. libheif takes the video for an image sequence, and rejects it. Undefined when there is none, and for
 * an image sequence.
 */
export function withoutAppendedMovie(bytes: Uint8Array): Uint8Array | undefined {
  const movies = [...boxesIn(bytes)].filter(({ type }) => type === 'moov')
  if (movies.length === 0 || readSequence(bytes) !== undefined) return undefined
  const still = Buffer.from(bytes)
  for (const { headerAt } of movies) still.write(IGNORED_BOX, headerAt + 4, 'latin1')
  return still
}

const IGNORED_BOX = 'free'
