import { existsSync, readFileSync } from 'node:fs'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { videoTools } from '../video-tools.ts'
import { FULL_SIZE_WEBP } from './render-options.ts'
import { startEngine } from './start-engine.ts'

const MIB = 1024 * 1024

it.skipIf(!existsSync('/proc/self/smaps_rollup'))(
  'an engine process gives the memory of large sources back (needs /proc)',
  async () => {
    const engine = startEngine()
    try {
      /** Runs a job that ends once the header has been read, so nothing but the source takes memory. */
      const inspect = async (body: Buffer) => {
        const ended = await engine.run(
          {
            kind: 'render',
            source: { format: 'png', sizeBytes: body.length, location: 'body', id: 1, shared: false },
            limits: videoTools.limits,
            options: FULL_SIZE_WEBP,
            renderQuality: 'fine',
            allowance: { memoryBytes: 1, cpuSeconds: 0 },
          },
          { body },
        )
        return 'cause' in ended ? ended.cause : isFailure(ended.result) ? ended.result : ended.result.kind
      }
      const grown = () => anonymousBytes(engine.pid) - before
      for (let round = 0; round < 5; round += 1) expect(await inspect(await pngOf(32))).toBe('deferred')
      const before = anonymousBytes(engine.pid)
      const [photograph, larger] = [await pngOf(1500), await pngOf(2500)]
      expect([photograph, larger].map(({ length }) => Math.floor(length / MIB))).toEqual([6, 17])
      // Freed after the answer.
      expect(await inspect(larger)).toBe('deferred')
      await expect.poll(grown).toBeLessThan(6 * MIB)
      // Kept for the next photograph, until there is none.
      expect(await inspect(photograph)).toBe('deferred')
      expect(grown()).toBeGreaterThan(6 * MIB)
      engine.releaseMemory()
      await expect.poll(grown).toBeLessThan(6 * MIB)
    } finally {
      engine.kill('closed')
      await engine.ended
    }
  },
)

function pngOf(side: number): Promise<Buffer> {
  const pixels = Buffer.alloc(side * side * 3, 1)
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer()
}

function anonymousBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return 1024 * Number(/^Anonymous: +(\d+)/m.exec(rollup)?.[1])
}
