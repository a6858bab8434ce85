/** Faults in the renderer that no golden image test noticed before, and similar ones. */

export interface Mutant {
  /** What the service does wrong with this fault. */
  readonly name: string
  /** The path below origin/src/engine/process. */
  readonly file: string
  /** A text that occurs exactly once in the file. */
  readonly text: string
  /** The text that replaces it. */
  readonly replacement: string
}

const ENCODERS: readonly Mutant[] = [
  mutant('JPEG is not progressive', 'image/encode.ts', 'level, progressive,', 'level, progressive: false,'),
  mutant(
    'JPEG keeps all chroma',
    'image/encode.ts',
    'optimiseCoding: true',
    "optimiseCoding: true, chromaSubsampling: '4:4:4'",
  ),
  mutant(
    'WebP is 15 of quality lower',
    'image/encode.ts',
    '(exact ? { lossless: true } : { quality: level })',
    '(exact ? { lossless: true } : { quality: Math.max(1, level - 15) })',
  ),
  mutant(
    'a small WebP is 15 of quality lower',
    'libav/webp-still.ts',
    "context.setOption('quality', quality)",
    "context.setOption('quality', Math.max(1, quality - 15))",
  ),
  mutant(
    'a small WebP shows the colours of transparent pixels',
    'libav/webp-still.ts',
    'const isTransparent = multiplyByAlpha(pixels)',
    'const isTransparent = false',
  ),
  mutant(
    'a small WebP is made of the nearest pixels',
    'libav/scale-frame.ts',
    '(SWS_LANCZOS |',
    '(constants.SWS_POINT |',
  ),
  mutant(
    'WebP has no patience',
    'image/encode.ts',
    'export const WEBP_EFFORT = 2',
    'export const WEBP_EFFORT = 0',
  ),
  mutant(
    'metadata is kept',
    'image/render-stages.ts',
    'const encoded = await encoder.toBuffer()',
    'const encoded = await encoder.keepMetadata().toBuffer()',
  ),
  mutant('AVIF is 25 instead of 54', 'image/encode.ts', '[80, 54],', '[80, 25],'),
  mutant('AVIF halves chroma', 'image/encode.ts', "keepsChroma(options) ? '4:4:4' : '4:2:0'", "'4:2:0'"),
  mutant('PNG has level 1', 'formats/png/png-filters.ts', 'compressionLevel: 9', 'compressionLevel: 1'),
  mutant(
    'PNG filters its rows',
    'formats/png/png-filters.ts',
    'compressionLevel: 9',
    'compressionLevel: 9, adaptiveFiltering: true',
  ),
  mutant(
    'a PNG of a photograph has no filters',
    'formats/png/png-filters.ts',
    'filtered ? FILTERED',
    'false ? FILTERED',
  ),
  mutant(
    'every PNG is a palette',
    'image/encode.ts',
    "palette: sourcePalette && quality !== 'lossless'",
    'palette: true',
  ),
  mutant(
    'what is lossless is not kept',
    'image/encode.ts',
    "quality === 'lossless' && sourceLossless",
    'false',
  ),
  mutant(
    'what is lossy is kept exactly',
    'image/encode.ts',
    "quality === 'lossless' && sourceLossless",
    "quality === 'lossless'",
  ),
]

const GEOMETRY: readonly Mutant[] = [
  mutant(
    'the nearest pixel is taken',
    'image/render-stages.ts',
    'fit: FIT_OF_MODE[plan.mode],',
    "fit: FIT_OF_MODE[plan.mode], kernel: 'nearest',",
  ),
  mutant(
    'scaling is linear',
    'image/render-stages.ts',
    'fit: FIT_OF_MODE[plan.mode],',
    "fit: FIT_OF_MODE[plan.mode], kernel: 'linear',",
  ),
  mutant('gravity is ignored', 'image/render-stages.ts', 'position: plan.gravity', "position: 'centre'"),
  mutant('padding is stretched', 'image/render-stages.ts', "contain: 'contain'", "contain: 'fill'"),
  mutant(
    'orientation is ignored',
    'image/open-file.ts',
    'info.orientation === 1 ? opened : opened.autoOrient()',
    'opened',
  ),
  mutant(
    'an animation is cut before it is scaled',
    'image/render-animation.ts',
    'Math.max(plan.width / whole.width, plan.height / whole.height)',
    '1',
  ),
  mutant(
    'animations are turned the other way',
    'pixels/orient-pixels.ts',
    'new Set([2, 3, 7, 8])',
    'new Set([2, 3, 5, 6])',
  ),
  mutant(
    'blur is half as strong',
    'image/render-stages.ts',
    'pipeline.blur(blur)',
    'pipeline.blur(blur / 2)',
  ),
  mutant(
    'frames bleed into each other',
    'image/render-animation.ts',
    'of frames.entries()) {\n    const opened = openRaw({ data: frame, width: strip.width, height: strip.height, channels: 4 })',
    'of [strip.data].entries()) {\n    const opened = openRaw({ data: frame, width: strip.width, height: frame.length / (4 * strip.width), channels: 4 })',
  ),
  mutant(
    'what is turned is mirrored the other way',
    'image/render-stages.ts',
    "(flip === 'v') !==",
    "(flip === 'h') !==",
  ),
  mutant(
    'a turn goes the other way',
    'image/render-stages.ts',
    'flipped.rotate(rotate)',
    'flipped.rotate(360 - rotate)',
  ),
  mutant(
    'a crop is of the corner',
    'image/layout.ts',
    '? { left, top, width: right - left',
    '? { left: 0, top: 0, width: right - left',
  ),
  mutant(
    'sharpening is stronger',
    'image/render-stages.ts',
    'const SHARPEN_SIGMA = 0.5',
    'const SHARPEN_SIGMA = 2',
  ),
]

const ALPHA: readonly Mutant[] = [
  mutant(
    'decoded pixels are taken for premultiplied',
    'pixels/open-raw.ts',
    'raw: { width, height, channels } })\n}',
    'raw: { width, height, channels, premultiplied: true } })\n}',
  ),
  mutant(
    'premultiplied colours stay so',
    'libav/heic.ts',
    'if (file.isPremultiplied(file.primary))',
    'if (false)',
  ),
  mutant(
    'what is transparent turns black in JPEG',
    'image/render-stages.ts',
    'const WHITE = { r: 255, g: 255, b: 255, alpha: 1 }',
    'const WHITE = { r: 0, g: 0, b: 0, alpha: 1 }',
  ),
  mutant(
    'a video loses its alpha',
    'libav/stream-info.ts',
    "stream.metadata?.get('alpha_mode') === '1'",
    "stream.metadata?.get('alpha_mode') === 'none'",
  ),
]

const COLOURS: readonly Mutant[] = [
  mutant(
    'a profile is ignored',
    'image/open-file.ts',
    'ignoreIcc: info.uselessProfile === true,',
    'ignoreIcc: true,',
  ),
  mutant('a deep profile is ignored', 'colours/deep-profile.ts', 'return deepProfile ?', 'return false ?'),
  mutant(
    'declared primaries are ignored',
    'colours/declared-colours.ts',
    "['smpte432', { white: D65, ...P3 }],",
    '',
  ),
  mutant(
    'a video takes the other matrix',
    'container/filters.ts',
    "? 'bt709' : 'bt601'",
    "? 'bt601' : 'bt709'",
  ),
  mutant('a declared matrix is ignored', 'container/filters.ts', "['bt709', 'bt709'],", ''),
  mutant(
    'full range is taken for limited',
    'container/filters.ts',
    "video.colours.fullRange ? ':in_range=full' : ''",
    "video.colours.fullRange ? ':in_range=limited' : ''",
  ),
  mutant(
    'limited range is taken for full',
    'container/filters.ts',
    "video.colours.fullRange ? ':in_range=full' : ''",
    "':in_range=full'",
  ),
  mutant(
    'grey is not expanded',
    'libav/heic.ts',
    'const expands = grey &&',
    'const expands = false && grey &&',
  ),
  mutant(
    'a background of deep colours is taken for Display P3',
    'image/background.ts',
    'return deepProfile && background',
    'return false && deepProfile && background',
  ),
  mutant(
    'grey has no colours around it',
    'image/background.ts',
    'background !== undefined && bands < COLOURS',
    'background === undefined && bands < COLOURS',
  ),
  mutant(
    'rows of a cut-off GIF stand for none',
    'formats/gif/gif-interlace.ts',
    'isWhole ? covers : 1',
    'isWhole ? 1 : 1',
  ),
  mutant(
    'HDR is not mapped',
    'container/filters.ts',
    "return HDR_TRANSFERS.has(transfer ?? '')",
    'return false',
  ),
  mutant(
    'rows of a bitmap are red for blue',
    'formats/bmp/bmp.ts',
    'drawPixel(rgba, to, bytes[at + 2] ?? 0, bytes[at + 1] ?? 0, bytes[at] ?? 0, 255)',
    'drawPixel(rgba, to, bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, 255)',
  ),
  mutant(
    'the mask of an icon is ignored',
    'formats/bmp/bmp.ts',
    'if (isSet) rgba.fill(0, to, to + 4)',
    'if (isSet) rgba.fill(255, to + 3, to + 4)',
  ),
  mutant(
    'the smallest entry of an icon is shown',
    'formats/ico/ico.ts',
    'area > bestArea',
    'area < bestArea',
  ),
]

const TIME: readonly Mutant[] = [
  mutant('PNG plays once more', 'formats/png/apng-encode.ts', 'uint32(loop)', 'uint32(loop + 1)'),
  mutant(
    'what Sharp plays is played once more',
    'image/render-animation.ts',
    'return { loop, ...(delay',
    'return { loop: loop + 1, ...(delay',
  ),
  mutant(
    'PNG stores delays in hundredths',
    'formats/png/apng-encode.ts',
    'fine ? 1000 : 1',
    'fine ? 100 : 1',
  ),
  mutant(
    'a PNG is read in hundredths',
    'formats/png/apng.ts',
    '(1000 * view.getUint16(20))',
    '(100 * view.getUint16(20))',
  ),
  mutant(
    'a sequence is read in microseconds',
    'formats/heif/sequence.ts',
    '(units * 1000)',
    '(units * 1_000_000)',
  ),
  mutant(
    'frames of a PNG are not disposed of',
    'formats/png/apng-compose.ts',
    "frame.dispose === 'previous' && index > 0",
    'false',
  ),
  mutant(
    'frames of a PNG are not blended',
    'formats/png/apng-compose.ts',
    "frame.blend === 'source'",
    'true',
  ),
  mutant(
    'only the first frame plays',
    'image/render-animation.ts',
    'pages: info.frames - from }',
    'pages: 1 }',
  ),
  mutant(
    'a video shows its first frame',
    'video/video.ts',
    'if (time === undefined) return undefined',
    'if (time !== null) return undefined',
  ),
  mutant('a percentage is a thousandth', 'video/video.ts', 'time.percent) / 100', 'time.percent) / 1000'),
  mutant(
    'a turned video is turned the other way',
    'container/filters.ts',
    "270: ['transpose=cclock']",
    "270: ['transpose=clock']",
  ),
]

export const MUTANTS: readonly Mutant[] = [...ENCODERS, ...GEOMETRY, ...ALPHA, ...COLOURS, ...TIME]

function mutant(name: string, file: string, text: string, replacement: string): Mutant {
  return { name, file, text, replacement }
}
