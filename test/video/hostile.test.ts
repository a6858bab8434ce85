import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demux } from '@media-proxy/origin/engine/process/container/demuxer.ts'
import { decodeFile, decodeRuns } from '@media-proxy/origin/engine/process/ffmpeg/decode.ts'
import { openVideo } from '@media-proxy/origin/engine/process/video/video.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { descendantsOf, engineOf } from '../bench/process-snapshot.ts'
import { send } from '../http.ts'
import { seededRandom } from '../seeded-random.ts'
import { type FilesystemService, openFilesystemOrigin } from '../services.ts'
import { ffmpeg, ffmpegTools } from '../video-tools.ts'
import { CORNERS, FFMPEG, makeVideo, partsOf, withFile } from '../videos.ts'

const HAS_PROC = existsSync('/proc/self/task')

/**
 * Expects that no process but the engine runs, and that no temporary file of this test's processes is left.
 */
async function expectNothingLeft(): Promise<void> {
  const isOurs = (name: string) => /^media-proxy-(video|spool)-/.test(name)
  await expect.poll(async () => (await readdir(tmpdir())).filter(isOurs)).toEqual([])
  if (!HAS_PROC) return
  await expect
    .poll(() => {
      const engine = new Set(engineOf(process.pid))
      return descendantsOf(process.pid).filter((pid) => !engine.has(pid))
    })
    .toEqual([])
}

describe.skipIf(FFMPEG === undefined)('hostile videos (skipped without FFmpeg)', () => {
  let service: FilesystemService
  let plain: Buffer
  let fragmented: Buffer
  const before = process.env.TMPDIR

  beforeAll(async () => {
    process.env.TMPDIR = await mkdtemp(join(tmpdir(), 'media-proxy-hostile-'))
    const h264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-bf', '2', '-g', '25']
    plain = await makeVideo('mp4', CORNERS, [...h264, '-movflags', '+faststart'], 2)
    fragmented = await makeVideo('mp4', CORNERS, [...h264, '-movflags', 'frag_keyframe+empty_moov'], 2)
    service = await openFilesystemOrigin()
    await service.put('attachments/1/plain.mp4', plain)
  })
  afterAll(async () => {
    await service.close()
    await rm(tmpdir(), { recursive: true })
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })

  let files = 0
  /** Returns the status of a request for a still of a video. */
  async function still(file: Uint8Array): Promise<number> {
    files += 1
    await service.put(`attachments/1/${files}.mp4`, file)
    return (await send(service.url, `/attachments/1/${files}.mp4?format=webp&width=64`)).status
  }

  /** Replaces the four bytes at `offset` after the name of the first box of a type. */
  function patched(file: Buffer, box: string, offset: number, value = 0xffffffff): Buffer {
    const copy = Buffer.from(file)
    const at = copy.indexOf(box, 0, 'latin1')
    expect(at).toBeGreaterThan(0)
    copy.writeUInt32BE(value, at + 4 + offset)
    return copy
  }

  it.each([
    ['stts declares four billion samples of one duration', () => patched(plain, 'stts', 8)],
    ['stts declares four billion entries', () => patched(plain, 'stts', 4)],
    ['ctts declares four billion offsets', () => patched(plain, 'ctts', 8)],
    ['stsz declares four billion sizes', () => patched(plain, 'stsz', 8)],
    ['stss declares four billion key frames', () => patched(plain, 'stss', 4)],
    ['stsc declares four billion samples in a chunk', () => patched(plain, 'stsc', 12)],
    ['stsz declares a sample of four gigabytes', () => patched(plain, 'stsz', 12)],
    ['stco declares a chunk beyond the end', () => patched(plain, 'stco', 8)],
    ['trun declares four billion samples in a fragment', () => patched(fragmented, 'trun', 4)],
    ['mdhd declares no time scale', () => patched(plain, 'mdhd', 12, 0)],
    ['avc1 declares no size', () => patched(plain, 'avc1', 24, 0)],
    ['avc1 declares 65535x65535 pixels', () => patched(plain, 'avc1', 24)],
  ] as const)('end with a frame or an error, and the next video is served: %s', async (_, make) => {
    expect([200, 400]).toContain(await still(make()))
    // The next one is served normally.
    expect(await still(plain)).toBe(200)
  })

  it('end with a frame or an error when their index has random damage', async () => {
    const moov = plain.indexOf('moov', 0, 'latin1')
    const mdat = plain.indexOf('mdat', 0, 'latin1')
    const random = seededRandom(1)
    for (let round = 0; round < 16; round += 1) {
      const copy = Buffer.from(plain)
      for (let flip = 0; flip < 4; flip += 1) {
        copy[moov + Math.floor(random() * (mdat - moov))] = Math.floor(random() * 256)
      }
      expect([200, 400]).toContain(await still(copy))
    }
    await expectNothingLeft()
  })

  it('are stopped by the decoder when the bitstream is larger than the container declares', async () => {
    const container = await demux(partsOf(plain), 'mp4')
    if (isFailure(container) || container.info.video === undefined) throw new Error('not opened')
    const run = await container.readRun(undefined)
    container.close()
    if (isFailure(run) || ffmpeg === undefined) throw new Error('nothing to decode')
    const { video } = container.info
    for (const [maxPixels, outcome] of [
      [320 * 192, 'frame'],
      [320 * 100, 'undecodable'],
    ] as const) {
      const frame = await decodeRuns(ffmpeg, [run], { video, size: video, maxPixels })
      expect(isFailure(frame) ? frame.code : 'frame').toBe(outcome)
    }
  })

  it.each(['mov', 'matroska', 'avi'] as const)('open no files as a playlist, as %s', async (demuxer) => {
    const secret = Buffer.from('secret')
    await withFile(secret, (secretPath) =>
      withFile(Buffer.from(`#EXTM3U\n#EXTINF:1,\nfile://${secretPath}\n#EXT-X-ENDLIST\n`), async (path) => {
        if (ffmpeg === undefined) throw new Error('no FFmpeg')
        const info = await openVideo(ffmpegTools, partsOf(plain), 'mp4')
        if (isFailure(info)) throw new Error(info.detail)
        await info.close()
        const { video } = info.info
        const frame = await decodeFile(
          ffmpeg,
          { path, demuxer, track: 0, atSeconds: undefined },
          { video, size: video, maxPixels: 1e6 },
        )
        expect(isFailure(frame) && frame.code).toBe('undecodable')
      }),
    )
  })

  it('are rejected by the decoder for a codec that only the bitstream declares', async () => {
    const video = await makeVideo('mkv', CORNERS, ['-c:v', 'huffyuv', '-pix_fmt', 'yuv422p'], 0.2)
    const opened = await openVideo(ffmpegTools, partsOf(video), 'mkv')
    if (isFailure(opened)) throw new Error(opened.detail)
    expect(opened.info.video.codec).toBe('hidden')
    const frame = await opened.readFrame(undefined)
    await opened.close()
    expect(isFailure(frame) && frame.code).toBe('unsupported-codec')
  })
})
