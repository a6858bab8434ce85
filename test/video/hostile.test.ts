import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { createMediaBytes, type MediaBytes } from '@media-proxy/origin/media/media-bytes.ts'
import { decodeFile, decodeRuns } from '@media-proxy/origin/video/decode.ts'
import { openVideo } from '@media-proxy/origin/video/video.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { beforeAll, describe, expect, it } from 'vitest'
import { openFilesystemOrigin } from '../doors.ts'
import { patient } from '../patience.ts'
import { seededRandom } from '../seeded-random.ts'
import { createVideoTools } from '../video-tools.ts'
import { CORNERS, FFMPEG, makeVideo, partsOf, withFile } from '../videos.ts'

const tools = createVideoTools()
const { demuxers, ffmpeg } = tools
const NEVER = new AbortController().signal
/** Some of forty damaged files make the demuxer think until it is stopped. */
const FORTY_FILES_LIMIT_MS = patient(90_000)

async function firstFrame(bytes: MediaBytes, signal = NEVER) {
  const video = await openVideo(tools, bytes, 'mp4', signal)
  if (isFailure(video)) return video.failure
  try {
    const frame = await video.readFrame(undefined)
    return isFailure(frame) ? frame.failure : 'frame'
  } finally {
    video.close()
  }
}

const CHILDREN = `/proc/self/task/${process.pid}/children`

function commandsOfChildren(): readonly string[] {
  const pids = readFileSync(CHILDREN, 'utf8').trim().split(' ')
  return pids
    .filter((pid) => pid !== '')
    .map((pid) => {
      const path = `/proc/${pid}/cmdline`
      return existsSync(path) ? readFileSync(path, 'utf8') : ''
    })
}

async function nothingIsLeft(): Promise<void> {
  const prefix = `media-proxy-video-${process.pid}-`
  await expect
    .poll(async () => (await readdir(tmpdir())).filter((name) => name.startsWith(prefix)))
    .toEqual([])
  if (existsSync(CHILDREN)) await expect.poll(() => readFileSync(CHILDREN, 'utf8').trim()).toBe('')
}

describe.skipIf(FFMPEG === undefined)('hostile videos (skipped without FFmpeg)', () => {
  let plain: Buffer
  let fragmented: Buffer

  beforeAll(async () => {
    const h264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-bf', '2', '-g', '25']
    plain = await makeVideo('mp4', CORNERS, [...h264, '-movflags', '+faststart'], 2)
    fragmented = await makeVideo('mp4', CORNERS, [...h264, '-movflags', 'frag_keyframe+empty_moov'], 2)
  })

  /** The first box of a kind with the four bytes at `offset` behind its name replaced. */
  function patched(file: Buffer, box: string, offset: number, value = 0xffffffff): Buffer {
    const copy = Buffer.from(file)
    const at = copy.indexOf(box, 0, 'latin1')
    expect(at).toBeGreaterThan(0)
    copy.writeUInt32BE(value, at + 4 + offset)
    return copy
  }

  it.each([
    ['four billion samples of one duration', () => patched(plain, 'stts', 8)],
    ['four billion entries of durations', () => patched(plain, 'stts', 4)],
    ['four billion offsets', () => patched(plain, 'ctts', 8)],
    ['four billion sizes', () => patched(plain, 'stsz', 8)],
    ['four billion key frames', () => patched(plain, 'stss', 4)],
    ['four billion samples in a chunk', () => patched(plain, 'stsc', 12)],
    ['a sample of four gigabytes', () => patched(plain, 'stsz', 12)],
    ['a chunk behind the end', () => patched(plain, 'stco', 8)],
    ['four billion samples in a fragment', () => patched(fragmented, 'trun', 4)],
    ['no time scale', () => patched(plain, 'mdhd', 12, 0)],
    ['no size', () => patched(plain, 'avc1', 24, 0)],
    ['65535x65535 pixels', () => patched(plain, 'avc1', 24)],
  ])('%s', async (_, make) => {
    const outcome = await firstFrame(partsOf(make()))
    expect(['frame', 'undecodable', 'too-large-dimensions']).toContain(outcome)
    // The next one is served as if nothing had been.
    expect(await firstFrame(partsOf(plain))).toBe('frame')
  })

  it(
    'random damage to an index ends in a frame or a refusal',
    async () => {
      const moov = plain.indexOf('moov', 0, 'latin1')
      const mdat = plain.indexOf('mdat', 0, 'latin1')
      const random = seededRandom(1)
      for (let round = 0; round < 40; round += 1) {
        const copy = Buffer.from(plain)
        for (let flip = 0; flip < 4; flip += 1) {
          copy[moov + Math.floor(random() * (mdat - moov))] = Math.floor(random() * 256)
        }
        expect(await firstFrame(partsOf(copy))).not.toBe('defect')
      }
      await nothingIsLeft()
    },
    FORTY_FILES_LIMIT_MS,
  )

  it('a bitstream larger than its container says is stopped by the decoder', async () => {
    const container = await demuxers.open(partsOf(plain), 'mp4', NEVER)
    if (isFailure(container) || container.facts.video === undefined) throw new Error('not opened')
    const run = await container.readRun(undefined)
    container.close()
    if (isFailure(run)) throw new Error(run.detail)
    const { video } = container.facts
    for (const [maxPixels, outcome] of [
      [320 * 192, 'frame'],
      [320 * 100, 'undecodable'],
    ] as const) {
      const frame = await decodeRuns(ffmpeg, [run], { video, size: video, maxPixels, signal: NEVER })
      expect(isFailure(frame) ? frame.failure : 'frame').toBe(outcome)
    }
  })

  it.each(['mov', 'matroska', 'avi'] as const)('a playlist opens nothing, even as %s', async (demuxer) => {
    const secret = Buffer.from('secret')
    await withFile(secret, (secretPath) =>
      withFile(Buffer.from(`#EXTM3U\n#EXTINF:1,\nfile://${secretPath}\n#EXT-X-ENDLIST\n`), async (path) => {
        const facts = await openVideo(tools, partsOf(plain), 'mp4', NEVER)
        if (isFailure(facts)) throw new Error(facts.detail)
        facts.close()
        const { video } = facts.facts
        const frame = await decodeFile(
          ffmpeg,
          { path, demuxer, atSeconds: undefined },
          { video, size: video, maxPixels: 1e6, signal: NEVER },
        )
        expect(isFailure(frame) && frame.failure).toBe('undecodable')
      }),
    )
  })

  it('a codec that only the bitstream names is refused by the decoder', async () => {
    const video = await makeVideo('mkv', CORNERS, ['-c:v', 'huffyuv', '-pix_fmt', 'yuv422p'], 0.2)
    const opened = await openVideo(tools, partsOf(video), 'mkv', NEVER)
    if (isFailure(opened)) throw new Error(opened.detail)
    expect(opened.facts.video.codec).toBe('hidden')
    const frame = await opened.readFrame(undefined)
    opened.close()
    expect(isFailure(frame) && frame.failure).toBe('unsupported-codec')
  })
})

describe.skipIf(FFMPEG === undefined)('a client that leaves (skipped without FFmpeg)', () => {
  it.each([0, 1, 2, 3, 4, 8])('frees everything, left at read %i', async (leaveAt) => {
    const file = await makeVideo('mp4', CORNERS, ['-c:v', 'mpeg4', '-q:v', '2'], 1)
    const controller = new AbortController()
    let reads = 0
    const bytes = createMediaBytes({
      sizeBytes: file.length,
      async fetchPart(start, end) {
        if (reads === leaveAt) controller.abort()
        reads += 1
        return file.subarray(start, end)
      },
      async fetchAll() {
        controller.abort()
        return new Blob([new Uint8Array(file)]).stream()
      },
    })
    expect(await firstFrame(bytes, controller.signal)).toBe('client-gone')
    await nothingIsLeft()
  })

  it.skipIf(!existsSync(CHILDREN))('frees everything at the door (needs /proc)', async () => {
    const door = await openFilesystemOrigin()
    try {
      const slow = `testsrc2=s=1920x1080,noise=alls=60:allf=t`
      const video = await makeVideo('mp4', slow, ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '250'], 5)
      await door.put('attachments/1/slow.mp4', video)
      const leaving = request(`${door.url}/attachments/1/slow.mp4?format=png&time=4.9`)
      leaving.on('error', () => undefined)
      leaving.end()
      // The child that decodes, not the one that only tells its version.
      await expect
        .poll(() => commandsOfChildren().some((command) => command.includes('rawvideo')), {
          interval: 5,
          timeout: patient(20_000),
        })
        .toBe(true)
      leaving.destroy()
      await expect.poll(() => commandsOfChildren()).toEqual([])
      await nothingIsLeft()
    } finally {
      await door.close()
    }
  })

  it('has its child killed', async () => {
    const controller = new AbortController()
    const endless = ffmpeg.run(
      {
        args: ['-f', 'lavfi', '-i', 'testsrc2', '-f', 'null', 'pipe:1'],
        inputs: [],
        outputBytes: 1,
      },
      controller.signal,
    )
    if (existsSync(CHILDREN)) await expect.poll(() => readFileSync(CHILDREN, 'utf8').trim()).not.toBe('')
    controller.abort()
    expect(await endless).toEqual({ failure: 'client-gone' })
    await nothingIsLeft()
  })
})
