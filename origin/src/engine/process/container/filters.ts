/** The filters that convert a decoded frame to upright RGB pixels of the right size and colours. */

import type { Size } from '../../../media/size.ts'
import type { Colours } from '../colours/colours.ts'
import type { VideoInfo } from './container.ts'

export interface FilterOptions {
  readonly video: VideoInfo
  /** The size of the result, upright. */
  readonly size: Size
  /** The coded size of the frames, which may change in the middle of a video. Default: that of the video. */
  readonly coded?: Size | undefined
  /** Whether FFmpeg can tone map HDR. Without it, HDR videos look pale but are still shown. */
  readonly toneMaps: boolean
}

/**
 * Returns the filters that convert a frame to RGB: scaled, with converted colours, upright. A frame of another
 * shape than the video is fitted inside its size, as players show it.
 */
export function frameFilters({ video, size, coded, toneMaps }: FilterOptions): readonly string[] {
  const stored = storedSize(video, size)
  const fitted = fittedSize(video, stored, coded)
  return [
    ...(isHdr(video.colours) && toneMaps
      ? toneMapFilters(video.colours, '2020_ncl', fitted)
      : conversionFilters(video, fitted)),
    ...borderFilters(video, stored, fitted),
    ...orientationFilters(video),
  ]
}

export interface ClipFilterOptions extends Pick<FilterOptions, 'video' | 'size' | 'coded'> {
  /** Whether the output has alpha. */
  readonly hasAlpha: boolean
}

/**
 * Returns the filters that convert a frame for a clip: scaled, upright, BT.709 in limited range, chroma
 * halved. A frame of another shape than the video is fitted inside its size.
 */
export function clipFilters({ video, size, coded, hasAlpha }: ClipFilterOptions): readonly string[] {
  const stored = storedSize(video, size)
  const fitted = fittedSize(video, stored, coded)
  const border = borderFilters(video, stored, fitted)
  const pixels = `format=${hasAlpha ? 'yuva420p' : 'yuv420p'}`
  if (isHdr(video.colours))
    return [
      ...toneMapFilters(video.colours, '2020_ncl', fitted),
      ...border,
      ...orientationFilters(video),
      `scale=${CLIP_COLOURS}`,
      pixels,
    ]
  const scale = `scale=${fitted.width}:${fitted.height}:flags=bicubic:${inColours(video)}:${CLIP_COLOURS}`
  if (video.hasAlpha && !hasAlpha) return [scale, ...border, ON_WHITE, pixels, ...orientationFilters(video)]
  return [scale, pixels, ...border, ...orientationFilters(video)]
}

/** Blends transparent frames over white. */
const ON_WHITE = [
  'format=yuva420p,split[shown][below]',
  '[below]drawbox=color=white@1:thickness=fill:replace=1[ground]',
  '[ground][shown]overlay=format=auto',
].join(';')

const CLIP_COLOURS = 'out_color_matrix=bt709:out_range=limited'

/** Returns the filters of an alpha stream. Its luma is used as alpha without conversion. */
export function alphaFilters({ video, size }: Omit<FilterOptions, 'toneMaps'>): readonly string[] {
  const stored = storedSize(video, size)
  return ['extractplanes=y', `scale=${stored.width}:${stored.height}`, ...orientationFilters(video)]
}

/** Returns the size before a frame is rotated upright. */
function storedSize({ rotation }: VideoInfo, { width, height }: Size): Size {
  return rotation === 90 || rotation === 270 ? { width: height, height: width } : { width, height }
}

/**
 * Returns the size at which a frame is scaled to keep its shape inside the size of the video. The pixel aspect
 * ratio is that of the whole video. The sides are even, because chroma may be halved.
 */
function fittedSize({ codedWidth, codedHeight }: VideoInfo, stored: Size, coded: Size | undefined): Size {
  if (coded === undefined) return stored
  const wider = (coded.width * codedHeight) / (coded.height * codedWidth)
  if (Math.abs(wider - 1) < SAME_SHAPE) return stored
  return wider > 1
    ? { ...stored, height: evenWithin(stored.height / wider, stored.height) }
    : { ...stored, width: evenWithin(stored.width * wider, stored.width) }
}

/** Shapes that differ by less are one shape: codecs round sides up to whole blocks. */
const SAME_SHAPE = 0.02

function evenWithin(pixels: number, max: number): number {
  return Math.min(max, Math.max(2, 2 * Math.round(pixels / 2)))
}

/** Returns the filters that add the border around a fitted frame: black, or transparent. */
function borderFilters({ hasAlpha }: VideoInfo, stored: Size, fitted: Size): readonly string[] {
  if (fitted === stored) return []
  const colour = hasAlpha ? 'black@0' : 'black'
  return [`pad=${stored.width}:${stored.height}:(ow-iw)/2:(oh-ih)/2:${colour}`]
}

/** Whether a video's colours have to be tone mapped to show on every screen. */
export function isHdr({ transfer }: Colours): boolean {
  return HDR_TRANSFERS.has(transfer ?? '')
}

/** WebCodecs' names of the HDR transfer functions, mapped to zscale's. */
const HDR_TRANSFERS: ReadonlyMap<string, string> = new Map([
  ['pq', 'smpte2084'],
  ['hlg', 'arib-std-b67'],
])

function conversionFilters(video: VideoInfo, { width, height }: Size): readonly string[] {
  return [
    `scale=${width}:${height}:flags=bicubic+full_chroma_int:${inColours(video)}`,
    video.hasAlpha ? 'format=rgba' : 'format=rgb24',
  ]
}

function inColours(video: VideoInfo): string {
  return `in_color_matrix=${matrixOf(video)}${video.colours.fullRange ? ':in_range=full' : ''}`
}

/** From this size on, players assume BT.709 for a video that does not declare its matrix. */
const HD_WIDTH = 1280
const HD_HEIGHT = 720

function matrixOf({ colours, codedWidth, codedHeight }: VideoInfo): string {
  const named = MATRICES.get(colours.matrix ?? '')
  if (named !== undefined) return named
  return codedWidth >= HD_WIDTH || codedHeight >= HD_HEIGHT ? 'bt709' : 'bt601'
}

/** WebCodecs' names of the matrices, mapped to swscale's. */
const MATRICES: ReadonlyMap<string, string> = new Map([
  ['bt709', 'bt709'],
  ['bt470bg', 'bt601'],
  ['smpte170m', 'bt601'],
  ['bt2020-ncl', 'bt2020'],
  ['rgb', 'auto'],
])

/**
 * The luminance of reference white in an HDR image (ITU-R BT.2408), in cd/m². It becomes the white of the
 * still.
 */
const REFERENCE_WHITE_NITS = 203

/**
 * Returns the tone mapping filters, for a still of full-range RGB (`gbr`) or for frames coded like those of a
 * video.
 */
export function toneMapFilters(colours: Colours, matrix: 'gbr' | '2020_ncl', size?: Size): readonly string[] {
  const range = colours.fullRange || matrix === 'gbr' ? 'full' : 'limited'
  const transfer = HDR_TRANSFERS.get(colours.transfer ?? '') ?? 'smpte2084'
  const primaries = matrix === 'gbr' ? (PRIMARIES.get(colours.primaries ?? '') ?? '2020') : '2020'
  const input = `matrixin=${matrix}:primariesin=${primaries}:transferin=${transfer}:rangein=${range}`
  const scale = size === undefined ? '' : `w=${size.width}:h=${size.height}:`
  return [
    `zscale=${scale}${input}:transfer=linear:npl=${REFERENCE_WHITE_NITS}`,
    'format=gbrpf32le',
    'zscale=primaries=709',
    'tonemap=mobius:desat=0',
    'zscale=matrix=gbr:transfer=iec61966-2-1:range=full',
    'format=gbrp',
    'format=rgb24',
  ]
}

/** The project's names of the primaries of stills, mapped to zscale's. */
const PRIMARIES: ReadonlyMap<string, string> = new Map([
  ['bt709', '709'],
  ['smpte432', 'smpte432'],
])

function orientationFilters({ rotation, mirrored }: VideoInfo): readonly string[] {
  const transpose = { 0: [], 90: ['transpose=clock'], 180: ['hflip', 'vflip'], 270: ['transpose=cclock'] }[
    rotation
  ]
  return mirrored ? [...transpose, 'hflip'] : transpose
}
