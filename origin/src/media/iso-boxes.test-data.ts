/** Builds a box of ISO/IEC 14496-12, section 4.2: its length, its type of four characters, its content. */
export function isoBox(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + body.length)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, body])
}
