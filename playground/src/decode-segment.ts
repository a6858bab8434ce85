/**
 * Decodes the percent-encoding of a segment of a path. Returns an invalid one unchanged: the service rejects
 * it and reports why.
 */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
