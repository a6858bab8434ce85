import { expect, it } from 'vitest'
import { isIdr, nalUnits } from './nal-units.ts'

const START_CODE = [0, 0, 1]
const IDR = 5

/** Builds a frame with one length prefix, followed by units separated by start codes. */
function frameOf(units: number): Uint8Array {
  const body = Buffer.alloc(units * 4, Buffer.from([IDR, ...START_CODE]))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

it.each([1, 3, 300_000])('finds %i NAL units after one length', (units) => {
  expect(nalUnits(frameOf(units), 4)).toHaveLength(units)
  // A configuration without parameter sets, with lengths of four bytes.
  expect(isIdr('h264', frameOf(units), Uint8Array.of(1, 66, 0, 10, 0xff, 0xe0, 0))).toBe(true)
})

it('finds no NAL units when a length exceeds the frame', () => {
  expect(nalUnits(frameOf(3).subarray(0, -1), 4)).toBeUndefined()
})
