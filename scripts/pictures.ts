/**
 * Makes the images of docs/urls.md. Each is the response of the service to the example of a parameter, on the
 * samples. With `--check`, fails when one of them would look different now.
 */

import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOrigin } from '@media-proxy/origin/origin.ts'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import { PARAMETER_GUIDE } from '@media-proxy/shared/request/parameter-guide.ts'
import { pino } from 'pino'
import sharp from 'sharp'
import { type ExampleImage, exampleImagesOf } from './documents/parameters.ts'
import { ROOT } from './origin-process.ts'
import { writeSamples } from './samples.ts'

const FOLDER = join(ROOT, 'docs/pictures')
/** The mean difference of a channel, 0 to 255, that different encoders and CPUs may cause. */
const MAX_DIFFERENCE = 3

const check = process.argv.includes('--check')
const examples = PARAMETER_GUIDE.flatMap(exampleImagesOf)
const made = await makeAll(examples)
await mkdir(FOLDER, { recursive: true })
const stale: string[] = []
for (const [{ file }, bytes] of made) {
  if (await looksTheSame(join(FOLDER, file), bytes)) continue
  stale.push(file)
  if (!check) await writeFile(join(FOLDER, file), bytes)
}
for (const file of stale)
  console.log(check ? `docs/pictures/${file} is stale: run pnpm pictures` : `wrote docs/pictures/${file}`)
if (stale.length === 0) console.log(`${made.length} pictures are fresh`)
process.exitCode = check && stale.length > 0 ? 1 : 0

async function makeAll(wanted: readonly ExampleImage[]) {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-pictures-'))
  try {
    await writeSamples(directory)
    const environment = {
      MEDIA_PROXY_NODE_ENV: 'test',
      MEDIA_PROXY_STORAGE_DIR: directory,
      MEDIA_PROXY_PRESETS: 'thumb:width=96&height=96',
    }
    const loaded = loadConfig('origin', { environment })
    if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
    const app = await createOrigin({ config: loaded.config, log: pino({ level: 'silent' }) })
    return await Promise.all(
      wanted.map(async (example) => {
        const response = await app.fetch(
          new Request(new URL(`http://127.0.0.1${example.path}`, 'http://docs.test')),
        )
        if (!response.ok) throw new Error(`${example.path}: ${response.status} ${await response.text()}`)
        return [example, Buffer.from(await response.arrayBuffer())] as const
      }),
    )
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function looksTheSame(path: string, bytes: Buffer): Promise<boolean> {
  if (!existsSync(path)) return false
  const kept = await readFile(path)
  const [a, b] = await Promise.all([kept, bytes].map((file) => decode(file)))
  if (a === undefined || b === undefined || a.data.length !== b.data.length || a.info.width !== b.info.width)
    return false
  const sum = a.data.reduce((total, value, at) => total + Math.abs(value - (b.data[at] ?? 0)), 0)
  return sum / a.data.length <= MAX_DIFFERENCE
}

function decode(bytes: Buffer) {
  return sharp(bytes, { animated: true }).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
}
