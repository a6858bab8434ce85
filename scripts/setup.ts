/** What an install cannot bring: FFmpeg, where ffmpeg-static's download was refused. Run before start and tests. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { findFfmpeg } from '@media-proxy/origin/engine/ffmpeg-binary.ts'

/** Makes sure that there is an FFmpeg, or says in one line what to do. */
export function ensureFfmpeg(): void {
  if (hasFfmpeg()) return
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log("FFmpeg is missing: installing the system's package …")
    if (aptGet('install', '-y', '-q', '--no-install-recommends', 'ffmpeg')) return
    aptGet('update', '-q')
    if (aptGet('install', '-y', '-q', '--no-install-recommends', 'ffmpeg')) return
  }
  console.warn(
    'FFmpeg is missing, so stills of videos are not available: install it (Debian and Ubuntu: apt-get install ffmpeg; ' +
      'macOS: brew install ffmpeg) or set FFMPEG_PATH.',
  )
}

function hasFfmpeg(): boolean {
  const path = findFfmpeg(process.env)
  return path !== undefined && spawnSync(path, ['-version'], { stdio: 'ignore' }).status === 0
}

function aptGet(...words: readonly string[]): boolean {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return (
    spawnSync('apt-get', words, { stdio: ['ignore', 'ignore', 'inherit'], env: environment }).status === 0
  )
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) ensureFfmpeg()
