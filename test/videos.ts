/** Videos that the tests generate, with the FFmpeg that the service uses. */

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findFfmpeg } from '@media-proxy/origin/engine/ffmpeg-binary.ts'
import { type MediaSource, memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'

const run = promisify(execFile)

/** The FFmpeg that generates videos. Undefined when it is not installed. */
export const FFMPEG = findFfmpeg(process.env)

/** Red, green, blue and white in the corners, which shows rotation, mirroring and wrong colours. */
export const CORNERS =
  'color=red:s=160x96:r=25[a];color=lime:s=160x96:r=25[b];color=blue:s=160x96:r=25[c];color=white:s=160x96:r=25[d];' +
  '[a][b][c][d]xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0'

/** Red for the first second, then lime, then blue. It shows which second a still is from. */
export const SECONDS =
  'color=red:s=320x192:r=25:d=1[a];color=lime:s=320x192:r=25:d=1[b];color=blue:s=320x192:r=25:d=1[c];[a][b][c]concat=n=3'

/** Returns a source that is read by ranges, as from a store. */
export function partsOf(file: Uint8Array): MediaSource {
  return memorySource(file, undefined)
}

/** Runs FFmpeg on `source` (a lavfi graph) and returns the resulting file. */
export async function makeVideo(
  extension: string,
  source: string,
  output: readonly string[],
  seconds = 3,
): Promise<Buffer> {
  return withOutput(extension, (path) => [
    ...['-f', 'lavfi', '-i', source, '-t', String(seconds), ...output, path],
  ])
}

/** Runs FFmpeg on a file and returns the resulting file. */
export async function remakeVideo(
  input: { readonly path: string },
  extension: string,
  output: readonly string[],
  before: readonly string[] = [],
): Promise<Buffer> {
  return withOutput(extension, (path) => [...before, '-i', input.path, ...output, path])
}

/** Writes bytes to a file that exists while `use` runs. */
export async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-made-'))
  try {
    const path = join(folder, 'input')
    await writeFile(path, bytes)
    return await use(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function withOutput(extension: string, args: (path: string) => readonly string[]): Promise<Buffer> {
  if (FFMPEG === undefined) throw new Error('no FFmpeg to make videos with')
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-made-'))
  try {
    const path = join(folder, `video.${extension}`)
    await run(FFMPEG, ['-nostdin', '-v', 'error', '-y', ...args(path)])
    return await readFile(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Whether the installed FFmpeg has the encoder `encoder`. */
export function canEncode(encoder: string): Promise<boolean> {
  return lists('-encoders', encoder)
}

/** Whether the installed FFmpeg has a filter. */
export function canFilter(filter: string): Promise<boolean> {
  return lists('-filters', filter)
}

async function lists(option: string, name: string): Promise<boolean> {
  if (FFMPEG === undefined) return false
  const { stdout } = await run(FFMPEG, ['-hide_banner', '-v', 'error', option])
  return stdout.split('\n').some((line) => line.trim().split(/\s+/)[1] === name)
}
