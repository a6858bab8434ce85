/**
 * Makes the videos of the goldens with FFmpeg. They are kept in test/pictures/media, because FFmpeg is not
 * installed everywhere, and different versions write different files. `node test/pictures/make-videos.ts`
 */

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { remakeVideo, withFile } from '../videos.ts'
import { bouncing, FRAME_HEIGHT, FRAME_WIDTH, photo, sticker } from './drawings.ts'
import { MEDIA } from './sources.ts'

const X264 = ['-c:v', 'libx264', '-preset', 'veryslow', '-crf', '12']
const STILL = ['-frames:v', '1', ...X264]
const coloured = (matrix: string, range: string) => [
  ...['-vf', `scale=out_color_matrix=${matrix}:out_range=${range},format=yuv420p`],
  ...['-color_range', range === 'full' ? 'pc' : 'tv'],
]
const colourTags = (matrix: string, transfer: string, primaries: string) => [
  ...['-colorspace', matrix, '-color_trc', transfer, '-color_primaries', primaries],
]

await mkdir(MEDIA, { recursive: true })
const { data, raw } = photo()
const image = await sharp(data, { raw }).resize(192, 144).png().toBuffer()
await withFile(image, async (path) => {
  const still = (name: string, extension: string, output: readonly string[]) =>
    keep(`${name}.${extension}`, remakeVideo({ path }, extension, output))
  await still('untagged', 'mp4', [...STILL, ...coloured('bt601', 'limited')])
  await still('bt709', 'mp4', [
    ...STILL,
    ...coloured('bt709', 'limited'),
    ...colourTags('bt709', 'bt709', 'bt709'),
  ])
  await still('full-range', 'mp4', [...STILL, ...coloured('bt601', 'full')])
  const brighter = 'zscale=rin=full:pin=709:tin=iec61966-2-1:min=gbr:p=2020:t=smpte2084:m=2020_ncl:r=limited'
  await still('pq', 'mp4', [
    ...['-frames:v', '1', '-vf', `format=gbrp,${brighter}:npl=203,format=yuv420p10le`],
    ...['-c:v', 'libsvtav1', '-crf', '20', ...colourTags('bt2020nc', 'smpte2084', 'bt2020')],
  ])
})
const see = sticker()
await withFile(await sharp(see.data, { raw: see.raw }).png().toBuffer(), (path) =>
  keep(
    'alpha.webm',
    remakeVideo({ path }, 'webm', ['-c:v', 'libvpx-vp9', '-pix_fmt', 'yuva420p', '-crf', '20', '-b:v', '0']),
  ),
)
const frames = bouncing()
const strip = await sharp(frames.data, { raw: frames.raw }).png().toBuffer()
await withFile(strip, async (path) => {
  const crop = `loop=loop=3:size=1,crop=${FRAME_WIDTH}:${FRAME_HEIGHT}:0:n*${FRAME_HEIGHT}`
  // Each frame is shown 200 ms longer than the one before it.
  const longer = 'settb=1/1000,setpts=N*(N+1)*100'
  const moving = await remakeVideo({ path }, 'mp4', [
    ...['-vf', `${crop},setpts=N/TB,scale=out_color_matrix=bt601,format=yuv420p`, '-r', '1', ...X264],
  ])
  await keep('bouncing.mp4', Promise.resolve(moving))
  await withFile(moving, (made) =>
    keep('turned.mp4', remakeVideo({ path: made }, 'mp4', ['-c', 'copy', '-metadata:s:v:0', 'rotate=90'])),
  )
  await keep(
    'sequence.avif',
    remakeVideo({ path }, 'avif', [
      ...[
        '-vf',
        `${crop},${longer},scale=out_color_matrix=bt601:out_range=full,format=yuv420p`,
        '-vsync',
        'vfr',
      ],
      ...['-c:v', 'libaom-av1', '-crf', '20'],
    ]),
  )
})

async function keep(name: string, bytes: Promise<Buffer>): Promise<void> {
  await rm(join(MEDIA, name), { force: true })
  await writeFile(join(MEDIA, name), await bytes)
  console.log(name, (await bytes).length)
}
