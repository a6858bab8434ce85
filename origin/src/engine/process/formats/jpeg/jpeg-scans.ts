/**
 * The largest number of scans of a JPEG, which is also the limit of libvips. Each scan of a progressive JPEG is
 * a pass over the whole image.
 */
const MAX_SCANS = 100
const START_OF_SCAN = Buffer.from([0xff, 0xda])

/** Whether a JPEG has no more scans than libvips accepts. */
export function hasFewScans(jpeg: Uint8Array): boolean {
  const file = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength)
  let scans = 0
  for (let at = file.indexOf(START_OF_SCAN); at >= 0 && scans <= MAX_SCANS; scans += 1)
    at = file.indexOf(START_OF_SCAN, at + 2)
  return scans <= MAX_SCANS
}
