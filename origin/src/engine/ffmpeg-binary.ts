import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** The environment variable with the path of the FFmpeg binary to use. */
export const FFMPEG_VARIABLE = 'FFMPEG_PATH'

/**
 * Returns the absolute path of the FFmpeg binary: that of `FFMPEG_PATH`, or else the system's. Undefined when
 * there is none.
 */
export function findFfmpeg(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = environment[FFMPEG_VARIABLE]
  // A path that does not exist is a mistake to report, not one to hide by falling back to another binary.
  if (named !== undefined && named !== '') return onPath(named, environment)
  return onPath('ffmpeg', environment)
}

function onPath(name: string, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The path, version and capabilities of a binary. */
export interface FfmpegBinary {
  readonly path: string
  readonly version: string
  /** Whether it can tone map HDR to SDR. */
  readonly toneMaps: boolean
}

/**
 * Runs the binary that would be used and returns its version and capabilities. Returns a fault when there is
 * none, or when it does not run.
 */
export async function inspectFfmpeg(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<FfmpegBinary | { readonly fault: string }> {
  const path = findFfmpeg(environment)
  if (path === undefined) return { fault: 'there is no FFmpeg: install it or set FFMPEG_PATH' }
  try {
    // One child process reports both: the banner contains the version, and the list of filters shows whether
    // it can tone map.
    const { stdout, stderr } = await promisify(execFile)(path, ['-nostdin', '-filters'], {
      env: { LC_ALL: 'C' },
      timeout: INSPECTION_TIMEOUT_MS,
    })
    const version = /^ffmpeg version (\S+)/m.exec(stderr)?.[1]
    if (version === undefined) return { fault: `${path} is no FFmpeg` }
    return { path, version, toneMaps: / zscale /.test(stdout) && / tonemap /.test(stdout) }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { fault: `${path} does not run: ${detail.slice(0, 200)}` }
  }
}

const INSPECTION_TIMEOUT_MS = 10_000
