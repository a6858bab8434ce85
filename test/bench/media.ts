/** `pnpm bench media`: compares stills of videos through the whole origin with FFmpeg on the local file. */

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { demux } from '@media-proxy/origin/engine/process/container/demuxer.ts'
import { mediaKind } from '@media-proxy/origin/media/kinds.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'
import { FFMPEG } from '../videos.ts'
import type { BenchRow } from './measure.ts'
import { startService } from './service.ts'

const run = promisify(execFile)

const ROUNDS = 15
/** V8 compiles the code of the service during the first requests. A call of FFmpeg has no such start. */
const WARM_UP_ROUNDS = 60
const QUERY = 'format=jpeg&width=400'

/** Measures with videos that it generates, which requires FFmpeg. */
export async function benchMedia(): Promise<BenchRow[]> {
  if (FFMPEG === undefined) throw new Error('no FFmpeg: install it or set FFMPEG_PATH')
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-bench-'))
  try {
    const short = join(folder, 'short.mp4')
    await makeVideo(FFMPEG, short, 10)
    const rows: BenchRow[] = []
    for (const [name, flags] of [
      ['index first', ['-movflags', '+faststart']],
      ['index last', []],
    ] as const) {
      const paths = { large: join(folder, 'large.mp4'), small: join(folder, 'small.mp4') }
      await repeatVideo(FFMPEG, short, paths.large, LARGE_REPEATS, flags)
      await repeatVideo(FFMPEG, short, paths.small, SMALL_REPEATS, flags)
      rows.push(...(await benchReads(paths, name)))
    }
    return [
      ...(await benchStill(FFMPEG, folder, short)),
      ...(await benchFirstFrames(FFMPEG, folder)),
      ...rows,
      ...(await benchInfo(short)),
    ]
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function makeVideo(ffmpeg: string, path: string, seconds: number): Promise<void> {
  const source = `testsrc2=s=1920x1080:r=30:d=${seconds},noise=alls=12:allf=t`
  const image = [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-b:v',
    '2650k',
    '-maxrate',
    '2800k',
    '-bufsize',
    '5M',
  ]
  const audio = ['-f', 'lavfi', '-i', `sine=d=${seconds}`, '-c:a', 'aac', '-b:a', '96k']
  const input = ['-f', 'lavfi', '-i', source]
  await run(ffmpeg, [...QUIET, ...input, ...audio, ...image, '-pix_fmt', 'yuv420p', '-g', '250', path])
}

const QUIET = ['-nostdin', '-v', 'error', '-y']
/** Ten minutes and 200 MB. */
const LARGE_REPEATS = 60
/** 7 MB. */
const SMALL_REPEATS = 2

async function repeatVideo(
  ffmpeg: string,
  piece: string,
  path: string,
  times: number,
  flags: readonly string[],
): Promise<void> {
  const list = `${path}.txt`
  await writeFile(list, `file '${piece}'\n`.repeat(times))
  await run(ffmpeg, [...QUIET, '-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', ...flags, path])
}

interface Clip {
  readonly name: string
  readonly flags: readonly string[]
  readonly extension: 'mp4' | 'webm'
}

const CLIPS: readonly Clip[] = [
  { name: 'H.264', extension: 'mp4', flags: ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23'] },
  {
    name: 'VP9',
    extension: 'webm',
    flags: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-crf', '34', '-b:v', '0'],
  },
  { name: 'AV1', extension: 'mp4', flags: ['-c:v', 'libsvtav1', '-preset', '10', '-crf', '38'] },
]
/** Heights, and how many times as fast as a call of FFmpeg a first frame has to be. */
const HEIGHTS = [
  { height: 480, atLeast: 5 },
  { height: 1080, atLeast: 2.5 },
] as const

/**
 * Compares first frames of videos that browsers play, over HTTP, with one call of FFmpeg on the local file.
 */
async function benchFirstFrames(ffmpeg: string, folder: string): Promise<BenchRow[]> {
  const service = await startService({ MEDIA_PROXY_CACHE_MEMORY_BYTES: '0' })
  const rows: BenchRow[] = []
  try {
    for (const { height, atLeast } of HEIGHTS) {
      for (const { name, extension, flags } of CLIPS) {
        const file = `${height}-${name}.${extension}`
        const path = join(folder, file)
        const source = `testsrc2=s=${Math.round((height * 8) / 9) * 2}x${height}:r=30:d=4,noise=alls=8:allf=t`
        await run(ffmpeg, [...QUIET, '-f', 'lavfi', '-i', source, ...flags, '-pix_fmt', 'yuv420p', path])
        await service.put(`cdn/attachments/1/${file}`, path)
        const times = { ours: [] as number[], bare: [] as number[] }
        // A different rendition each time, so that none comes from memory.
        const still = async (width: number) => {
          const query = `format=jpeg&width=${width}&time=0`
          const { status } = await send(service.url, `/attachments/1/${file}?${query}`)
          if (status !== 200) throw new Error(`a still answered ${status}`)
        }
        for (let round = 0; round < WARM_UP_ROUNDS; round += 1) await still(300 - round)
        for (let round = 0; round < ROUNDS; round += 1) {
          times.ours.push(await timed(() => still(400 - round)))
          times.bare.push(await timed(() => bareCall(ffmpeg, path)))
        }
        const [ours, bare] = [median(times.ours), median(times.bare)]
        rows.push({
          name: `first frame of ${height}p ${name}: one call of FFmpeg against the origin`,
          value: bare / ours,
          unit: 'times',
          target: { atLeast },
          note: `${bare.toFixed(0)} to ${ours.toFixed(0)} ms`,
        })
      }
    }
    return rows
  } finally {
    await service.close()
  }
}

/** The contenders alternate, so that other load on the machine affects all of them. */
async function benchStill(ffmpeg: string, folder: string, path: string): Promise<BenchRow[]> {
  const service = await openFilesystemOrigin({ MEDIA_PROXY_CACHE_MEMORY_BYTES: '0' })
  try {
    await service.put('attachments/1/short.mp4', await readFile(path))
    const ways = {
      ours: async () => {
        const { status } = await send(service.url, `/attachments/1/short.mp4?${QUERY}`)
        if (status !== 200) throw new Error(`a still answered ${status}`)
      },
      bare: () => bareCall(ffmpeg, path),
      steps: () => threeSteps(ffmpeg, folder, path),
    }
    const times = { ours: [] as number[], bare: [] as number[], steps: [] as number[] }
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const way of ['ours', 'bare', 'steps'] as const) times[way].push(await timed(ways[way]))
    }
    const [ours, bare, steps] = [median(times.ours), median(times.bare), median(times.steps)]
    return [
      { name: 'still of 1080p H.264, 400 wide, through the origin', value: ours, unit: 'ms' },
      { name: 'one bare FFmpeg call on the local file', value: bare, unit: 'ms' },
      { name: 'temporary file, ffprobe, FFmpeg to JPEG, encode again', value: steps, unit: 'ms' },
      { name: 'still against one bare call', value: ours / bare, unit: 'times', target: { atMost: 1.25 } },
      { name: 'three steps against the still', value: steps / ours, unit: 'times', target: { atLeast: 1.8 } },
    ]
  } finally {
    await service.close()
  }
}

async function bareCall(ffmpeg: string, path: string): Promise<void> {
  const output = ['-frames:v', '1', '-vf', 'scale=400:-1', '-f', 'mjpeg', 'pipe:1']
  await run(ffmpeg, [...QUIET, '-threads', '1', '-i', path, ...output], BINARY)
}

const BINARY = { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 } as const

/**
 * The common approach: download the object to a file, one process
 * to probe it, one to make a JPEG, and the same once more.
 */
async function threeSteps(ffmpeg: string, folder: string, path: string): Promise<void> {
  const copy = join(folder, 'copy.mp4')
  await writeFile(copy, await readFile(path))
  const ask = ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', copy]
  await run(join(dirname(ffmpeg), 'ffprobe'), ask)
  const jpeg = join(folder, 'copy.jpg')
  await run(ffmpeg, [...QUIET, '-threads', '1', '-i', copy, '-frames:v', '1', '-q:v', '2', jpeg])
  await sharp(await readFile(jpeg))
    .resize(400)
    .jpeg({ quality: 80, progressive: true })
    .toBuffer()
}

/**
 * Measures how much a still of a large file reads, and its cost compared with a small file of the same kind.
 */
async function benchReads(
  paths: { readonly large: string; readonly small: string },
  name: string,
): Promise<BenchRow[]> {
  const service = await openFilesystemOrigin({ MEDIA_PROXY_CACHE_MEMORY_BYTES: '0' })
  try {
    for (const size of ['large', 'small'] as const)
      await service.put(`attachments/1/${size}.mp4`, await readFile(paths[size]))
    const rows: BenchRow[] = []
    for (const time of ['0%25', '50%25']) {
      const still = async (size: 'large' | 'small') => {
        const { status } = await send(service.url, `/attachments/1/${size}.mp4?${QUERY}&time=${time}`)
        if (status !== 200) throw new Error(`a still answered ${status}`)
      }
      const before = service.storeOperations.length
      await still('large')
      const bytes = service.storeOperations.slice(before).reduce((sum, operation) => sum + operation.bytes, 0)
      for (let round = 0; round < WARM_UP_ROUNDS; round += 1) await still(round % 2 === 0 ? 'large' : 'small')
      const times = { large: [] as number[], small: [] as number[] }
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const size of ['large', 'small'] as const) times[size].push(await timed(() => still(size)))
      }
      const [large, small] = [median(times.large), median(times.small)]
      const label = `200 MB, ${name}, still at ${time.replace('%25', ' %')}`
      rows.push({ name: `${label}: read`, value: bytes / 1024, unit: 'KiB', target: { atMost: 4096 } })
      rows.push({
        name: `${label}: against 7 MB`,
        value: large / small,
        unit: 'times',
        target: { atMost: 1.2 },
        note: `${large.toFixed(0)} to ${small.toFixed(0)} ms`,
      })
    }
    return rows
  } finally {
    await service.close()
  }
}

async function benchInfo(path: string): Promise<BenchRow[]> {
  const file = await readFile(path)
  const { size } = await stat(path)
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    times.push(
      await timed(async () => {
        const source = { sizeBytes: size, read: (start: number, end: number) => file.subarray(start, end) }
        const container = await demux(source, mediaKind('mp4').format)
        if (isFailure(container)) throw new Error(container.detail)
        container.close()
      }),
    )
  }
  return [{ name: 'info of a 1080p MP4', value: median(times), unit: 'ms', target: { atMost: 10 } }]
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
