/**
 * Reads the prebuilt playground. It replaces `playground/build.ts`, because the package contains no bundler.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PlaygroundFiles } from '@media-proxy/playground/build.ts'
import { PLAYGROUND } from './paths.ts'

export async function buildPlayground(): Promise<PlaygroundFiles> {
  const read = (file: string) => readFile(join(PLAYGROUND, file), 'utf8')
  const [page, script, style] = await Promise.all(['index.html', 'script.js', 'style.css'].map(read))
  return { page: page ?? '', script: script ?? '', style: style ?? '' }
}
