import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** The variable that names the FFmpeg to use. */
export const FFMPEG_VARIABLE = 'FFMPEG_PATH'

/**
 * The FFmpeg to run, as an absolute path: what `FFMPEG_PATH` names, else the system's. Undefined where there is none.
 */
export function findFfmpeg(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = environment[FFMPEG_VARIABLE]
  // A name that leads nowhere is a mistake to be told of, not to be papered over with another binary.
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

/** What a binary is and can. */
export interface FfmpegBinary {
  readonly path: string
  readonly version: string
  /** HDR can be mapped to what every screen shows. */
  readonly toneMaps: boolean
}

/** Asks the binary that would be run what it is; what is wrong where there is none, or it does not run. */
export async function inspectFfmpeg(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<FfmpegBinary | { readonly fault: string }> {
  const path = findFfmpeg(environment)
  if (path === undefined) return { fault: 'there is no FFmpeg: install it or set FFMPEG_PATH' }
  try {
    // One child tells both: its banner the version, its list of filters whether it can map HDR.
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
