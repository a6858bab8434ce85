/** How libav numbers colours (ITU-T H.273, tables 2 to 4), by the names that WebCodecs gives them. */

/** Names as WebCodecs has them; undefined where neither container nor bitstream tell. */
export interface Colours {
  readonly matrix: string | undefined
  readonly transfer: string | undefined
  readonly primaries: string | undefined
  readonly fullRange: boolean
}

/** What frames and streams of libav say of their colours. */
export interface ColourTags {
  readonly colorSpace: number
  readonly colorTrc: number
  readonly colorPrimaries: number
  readonly colorRange: number
}

/** The colours that a frame or a stream declares; undefined where it leaves one open. */
export function coloursOf(tags: ColourTags): Colours {
  return {
    matrix: MATRICES.get(tags.colorSpace),
    transfer: TRANSFERS.get(tags.colorTrc),
    primaries: PRIMARIES.get(tags.colorPrimaries),
    fullRange: tags.colorRange === FULL_RANGE,
  }
}

/** What the container says, and the frame where the container is silent. */
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
