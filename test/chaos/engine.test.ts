import { readFileSync } from 'node:fs'
/**
 * Engine processes that end in the middle of their work: killed from outside, or by the file that they open.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineOf } from '../bench/process-snapshot.ts'
import { type BenchService, startService } from '../bench/service.ts'
import { noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { type FilesystemService, openFilesystemOrigin } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { expectNothingKept, HAS_PROC, snapshotAtRest } from './counts.ts'

const KILLS = 100

describe.skipIf(!HAS_PROC)('a killed engine process (needs /proc)', () => {
  let service: BenchService

  beforeAll(async () => {
    service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false', MEDIA_PROXY_CACHE_MEMORY_BYTES: '0' })
    await service.put('cdn/attachments/1/a.png', await noisePng(800, 600))
  })
  afterAll(() => service.close())

  it(
    `fails only its own request, ${KILLS} times under load`,
    async () => {
      const path = (index: number) => `/attachments/1/a.png?width=${100 + index}&format=webp`
      expect((await send(service.url, path(0))).status).toBe(200)
      const before = await snapshotAtRest(service.pid)
      let asked = 0
      let killing = true
      const statuses: number[] = []
      const client = async () => {
        while (killing) {
          asked += 1
          const { status, headers } = await send(service.url, path(1 + (asked % 600)))
          statuses.push(status)
          if (status === 503) expect(headers['retry-after']).toBe('1')
        }
      }
      const clients = Promise.all([client(), client(), client()])
      let killed = 0
      while (killed < KILLS) {
        const processes = engineOf(service.pid)
        const victim = processes[killed % Math.max(1, processes.length)]
        if (victim !== undefined && endProcess(victim)) killed += 1
        const answered = statuses.length
        // Waits for the next response before another process is killed.
        await expect.poll(() => statuses.length, { interval: 1 }).toBeGreaterThan(answered)
      }
      killing = false
      await clients
      for (const status of new Set(statuses)) expect([200, 503]).toContain(status)
      // Some of the killed processes were idle.
      expect(statuses.filter((status) => status === 503).length).toBeLessThanOrEqual(KILLS)
      expect((await send(service.url, path(700))).status).toBe(200)
      await expectNothingKept(service.pid, before)
      // Each kill waits for a response, and each response may wait for a process to start.
    },
    scaleTimeout(120_000),
  )
})

/** Kills a process. Returns whether it was still running: extra processes of a burst end by themselves. */
function endProcess(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

describe.skipIf(!HAS_PROC)('a client that disconnects (needs /proc)', () => {
  it('ends only the process that works for no other client', async () => {
    const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
    try {
      await service.put('cdn/attachments/1/large.png', await noisePng(2200, 1700))
      await service.put('cdn/attachments/1/small.png', await noisePng(60, 40))
      expect((await send(service.url, '/attachments/1/small.png?width=20')).status).toBe(200)
      const before = await snapshotAtRest(service.pid)
      const processes = engineOf(service.pid)
      const leaving = request(`${service.url}/attachments/1/large.png?format=webp&quality=lossless`)
      leaving.on('error', () => undefined)
      leaving.end()
      // The source is read and the job is running. While it is still reading, a job ends without its process.
      await expect.poll(async () => (await send(service.url, '/_metrics')).body.toString()).toMatch(RUNNING)
      const used = engineOf(service.pid).map(cpuTicksOf)
      const more = () =>
        Math.max(...engineOf(service.pid).map((pid, index) => cpuTicksOf(pid) - (used[index] ?? 0)))
      await expect.poll(more, { interval: 10 }).toBeGreaterThan(20)
      leaving.destroy()
      const left = () => engineOf(service.pid).filter((pid) => processes.includes(pid)).length
      await expect.poll(left).toBeLessThan(processes.length)
      // A second process may be gone, when the job had moved to the pool of heavy jobs.
      expect(left()).toBeGreaterThanOrEqual(processes.length - 2)
      expect((await send(service.url, '/attachments/1/small.png?width=30')).status).toBe(200)
      await expectNothingKept(service.pid, before)
    } finally {
      await service.close()
    }
  })

  /** Returns the CPU time of a process, in hundredths of a second. */
  function cpuTicksOf(pid: number): number {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  }

  const RUNNING = /^media_proxy_admission_running\{[^}]*lane="heavy"[^}]*\} 1$/m
})

describe('a file that crashes its decoder', () => {
  let service: FilesystemService
  let folder = ''
  let crashOn = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
    crashOn = join(folder, 'crash')
    service = await openFilesystemOrigin({}, { crashOn })
    for (const name of ['a', 'b']) {
      await service.put(`attachments/1/${name}.png`, await noisePng(60, 40))
      await service.put(`avatars/1/${name}`, await noisePng(60, 40))
    }
  })
  afterAll(async () => {
    await service.close()
    await rm(folder, { recursive: true })
  })

  it.each([
    ['an attachment', '/attachments/1/a.png?width=20', '/attachments/1/b.png?width=20', 400],
    ['an asset', '/avatars/1/a.webp?size=20', '/avatars/1/b.webp?size=20', 500],
  ])('as %s is rejected, and without decoding the second time', async (_, path, other, status) => {
    const lost = () => service.log.filter(({ msg }) => msg === 'a job ended its process').length
    const before = lost()
    await writeFile(crashOn, '')
    expect((await send(service.url, path)).status).toBe(status)
    expect(lost()).toBe(before + 1)
    await rm(crashOn)
    // A rendition of another size does not open the file again.
    expect((await send(service.url, path.replace('20', '22'))).status).toBe(status)
    expect(lost()).toBe(before + 1)
    expect((await send(service.url, other)).status).toBe(200)
  })

  it('is reported to the operator without its name', () => {
    const lines = service.log.filter(({ msg }) => msg === 'a job ended its process')
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) {
      expect(line).toMatchObject({ job: 'render', detail: expect.stringContaining('SIGABRT') })
      expect(JSON.stringify(line)).not.toContain('a.png')
    }
  })
})
