/**
 * Scores the quality of an image: SSIMULACRA2 if the program is given (`SSIMULACRA2=<path of
 * ssimulacra2_rs>`), otherwise the similarity of test/pictures.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { framesOf } from '../pictures/frames.ts'
import { similarity } from '../pictures/score.ts'

/**
 * Returns the complete image scaled to the width, lossless,
 * and uncompressed so that reading it costs almost nothing.
 */
export function reduce(photograph: Buffer, width: number): Promise<Buffer> {
  return sharp(photograph)
    .pipelineColourspace('srgb')
    .resize(width)
    .removeAlpha()
    .png({ compressionLevel: 0 })
    .toBuffer()
}

/**
 * Returns the complete image scaled to the width in both ways in which services round its height: the scale
 * is the same for both sides, and a part of a row is cut off or added, or the image fills the rounded size.
 */
export async function reduceInBothWays(photograph: Buffer, width: number): Promise<readonly Buffer[]> {
  const uniform = await reduce(photograph, width)
  const { height } = await sharp(uniform).metadata()
  const filling = await sharp(photograph)
    .pipelineColourspace('srgb')
    .resize(width, height, { fit: 'fill' })
    .removeAlpha()
    .png({ compressionLevel: 0 })
    .toBuffer()
  return [uniform, filling]
}

/** Returns the score. 100 is an identical image. */
export async function scoreOf(expected: Buffer, got: Buffer): Promise<number> {
  const program = process.env.SSIMULACRA2
  if (program === undefined) {
    const [one] = await framesOf(expected)
    const [other] = await framesOf(await sharp(got).png().toBuffer())
    return one === undefined || other === undefined ? Number.NaN : similarity(one, other)
  }
  const folder = mkdtempSync(join(tmpdir(), 'media-proxy-quality-'))
  try {
    const [reference, image] = [join(folder, 'expected.png'), join(folder, 'got.png')]
    await sharp(expected).toFile(reference)
    await sharp(got).toFile(image)
    const output = execFileSync(program, ['image', reference, image], { encoding: 'utf8' })
    return Number(/(-?[\d.]+)\s*$/.exec(output.trim())?.[1])
  } finally {
    rmSync(folder, { recursive: true })
  }
}
