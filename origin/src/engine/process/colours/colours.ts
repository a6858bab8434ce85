/** Maps libav's colour numbers (ITU-T H.273, tables 2 to 4) to the names of WebCodecs. */

/**
 * Colours by their WebCodecs names. A field is undefined when neither the container nor the bitstream
 * declares it.
 */
export interface Colours {
  readonly matrix: string | undefined
  readonly transfer: string | undefined
  readonly primaries: string | undefined
  readonly fullRange: boolean
}

/** The colour fields of libav's frames and streams. */
export interface ColourTags {
  readonly colorSpace: number
  readonly colorTrc: number
  readonly colorPrimaries: number
  readonly colorRange: number
}

/** Returns the colours that a frame or a stream declares. A field is undefined when it is unspecified. */
export function coloursOf(tags: ColourTags): Colours {
  return {
    matrix: MATRICES.get(tags.colorSpace),
    transfer: TRANSFERS.get(tags.colorTrc),
    primaries: PRIMARIES.get(tags.colorPrimaries),
    fullRange: tags.colorRange === FULL_RANGE,
  }
}

/**
 * Merges declared colours: those of the container, or those of the frame where the container declares none.
 */
export function mergeColours(container: Colours, frame: Colours): Colours {
  return {
    matrix: container.matrix ?? frame.matrix,
    transfer: container.transfer ?? frame.transfer,
    primaries: container.primaries ?? frame.primaries,
    fullRange: container.fullRange || frame.fullRange,
  }
}

/** AVCOL_RANGE_JPEG. */
const FULL_RANGE = 2

const MATRICES: ReadonlyMap<number, string> = new Map([
  [0, 'rgb'],
  [1, 'bt709'],
  [5, 'bt470bg'],
  [6, 'smpte170m'],
  [9, 'bt2020-ncl'],
])

const TRANSFERS: ReadonlyMap<number, string> = new Map([
  [1, 'bt709'],
  [4, 'gamma22'],
  [5, 'gamma28'],
  [6, 'smpte170m'],
  [8, 'linear'],
  [13, 'iec61966-2-1'],
  [14, 'bt2020'],
  [15, 'bt2020'],
  [16, 'pq'],
  [18, 'hlg'],
])

const PRIMARIES: ReadonlyMap<number, string> = new Map([
  [1, 'bt709'],
  [4, 'bt470m'],
  [5, 'bt470bg'],
  [6, 'smpte170m'],
  [7, 'smpte240m'],
  [9, 'bt2020'],
  [11, 'smpte431'],
  [12, 'smpte432'],
])
