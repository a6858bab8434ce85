/**
 * Runs in a separate process for `checkFonts`. Exits with 0 when
 * letters are drawn, with 1 when each letter is the same box.
 */

import sharp from 'sharp'

const [a, g] = [await drawLetter('A'), await drawLetter('g')]
process.exitCode = a.equals(g) ? 1 : 0

function drawLetter(letter: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16">${letter}</text></svg>`
  return sharp(Buffer.from(svg)).raw().toBuffer()
}
