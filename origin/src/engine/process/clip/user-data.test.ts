/** Tests what is removed from the coded frames of a video that is copied. */

import { describe, expect, it } from 'vitest'
import { isPlayablePacket } from './nal-units.ts'
import { withoutUserData } from './user-data.ts'

const SLICE = Buffer.from([0x65, 1, 2, 3])
const IDENTIFIER = Buffer.alloc(16, 7)

/** Returns a NAL unit with its length in front, in four bytes. */
function unit(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function message(type: number, data: Buffer): Buffer {
  const full = Buffer.alloc(Math.floor(data.length / 255), 255)
  return Buffer.concat([Buffer.from([type]), full, Buffer.from([data.length % 255]), data])
}

const sei = (...messages: readonly Buffer[]) =>
  Buffer.concat([Buffer.from([6]), ...messages, Buffer.from([0x80])])

const place = message(5, Buffer.concat([IDENTIFIER, Buffer.from('48.8577')]))
const recovery = message(6, Buffer.from([0x84]))
const captions = message(4, Buffer.from([0xb5, 0x00, 0x31, 0x47, 0x41, 0x39, 0x34, 3]))
const packetOf = (...units: readonly Buffer[]) => Buffer.concat(units.map(unit))

describe('a packet of a copied video', () => {
  it.each([
    ['only a frame', packetOf(SLICE)],
    ['a recovery point', packetOf(sei(recovery), SLICE)],
    ['captions', packetOf(sei(captions), SLICE)],
    ['nothing', Buffer.alloc(0)],
  ])('is unchanged with %s', (_, packet) => {
    expect(withoutUserData(packet, 4)).toBe(packet)
  })

  it.each([
    ['data of an application', sei(place)],
    ['a large one', sei(message(5, Buffer.alloc(1000, 1)))],
    ['data registered by a vendor', sei(message(4, Buffer.from([0xb5, 0x12, 0x34, 1])))],
    ['a message that exceeds its unit', Buffer.from([6, 6, 200, 1, 0x80])],
    ['a unit of an unspecified type', Buffer.from([0x18, 1, 2])],
  ])('loses %s', (_, privateUnit) => {
    expect(withoutUserData(packetOf(privateUnit, SLICE), 4)).toEqual(packetOf(SLICE))
  })

  it('keeps the other messages of the same unit', () => {
    const packet = packetOf(sei(recovery, place, captions), SLICE)
    expect(withoutUserData(packet, 4)).toEqual(packetOf(sei(recovery, captions), SLICE))
  })

  it('keeps the escapes of what is kept, and finds the end of escaped data', () => {
    const zeros = message(1, Buffer.from([0, 0, 1, 0, 0, 0, 9]))
    const escapedZeros = Buffer.from([1, 7, 0, 0, 3, 1, 0, 0, 3, 0, 9])
    const escapedPlace = Buffer.from([5, 5, 0, 0, 3, 0, 0, 3, 0])
    expect(zeros.length).toBe(9)
    const packet = packetOf(sei(escapedPlace, escapedZeros), SLICE)
    expect(withoutUserData(packet, 4)).toEqual(packetOf(sei(escapedZeros), SLICE))
  })

  it('has whole units afterwards, whatever size their lengths have', () => {
    const short = (bytes: Buffer) => Buffer.concat([Buffer.from([0, bytes.length]), bytes])
    const kept = withoutUserData(Buffer.concat([short(sei(place)), short(SLICE)]), 2)
    expect(kept).toEqual(short(SLICE))
    expect(isPlayablePacket(kept, 2, Buffer.alloc(0))).toBe(true)
  })
})
