/** Checks the limits of this machine: open files, memory, CPUs, and space for temporary files. */

import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type Finding, ok, warning } from './finding.ts'

/**
 * Each client takes up to three descriptors: its connection, one to the store, and a file. This is enough for
 * more than a thousand clients at once.
 */
const ENOUGH_OPEN_FILES = 4096
const MIB = 1024 * 1024
/** The memory of the server, its model and idle engine processes, as measured in docs/sizing.md. */
const IDLE_MEMORY_BYTES = 512 * MIB

export async function checkPlatform({ limits }: Config): Promise<readonly Finding[]> {
  return [
    ...(await checkOpenFiles()),
    ...checkMemory(limits.renderMemoryBytes),
    ok('processors', `${availableParallelism()}`),
    ...(await checkTemporaryFiles(limits.spoolBytes)),
  ]
}

/** Checks the limit on open files. Only on Linux a process can read it itself. */
async function checkOpenFiles(): Promise<readonly Finding[]> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1]
  if (soft === undefined) return []
  const check = 'open files'
  return [
    soft === 'unlimited' || Number(soft) >= ENOUGH_OPEN_FILES
      ? ok(check, `${soft} at the same time`)
      : warning(
          check,
          `${soft} at once: connections can fail under load`,
          `ulimit -n ${ENOUGH_OPEN_FILES}, or LimitNOFILE= in the unit, or nofile in the container’s ulimits`,
        ),
  ]
}

function checkMemory(renderMemoryBytes: number): readonly Finding[] {
  // The limit of a container or a service manager, otherwise the memory of the machine.
  const allowed = process.constrainedMemory()
  const bytes = allowed > 0 ? Math.min(allowed, process.availableMemory()) : process.availableMemory()
  const wanted = IDLE_MEMORY_BYTES + renderMemoryBytes
  const found = `${mebibytes(bytes)} free, ${mebibytes(wanted)} needed at most`
  return [
    bytes >= wanted
      ? ok('memory', found)
      : warning(
          'memory',
          found,
          'give it more, or lower MEDIA_PROXY_LIMITS_RENDER_MEMORY_BYTES and MEDIA_PROXY_ENGINE_MEMORY_BYTES',
        ),
  ]
}

async function checkTemporaryFiles(spoolBytes: number): Promise<readonly Finding[]> {
  const folder = tmpdir()
  const check = 'temporary files'
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }))
  const found = `${mebibytes(bavail * bsize)} free in ${folder}`
  return [
    bavail * bsize >= spoolBytes
      ? ok(check, found)
      : warning(
          check,
          `${found}, less than the ${mebibytes(spoolBytes)} of limits.spoolBytes`,
          'set TMPDIR to a folder with more room, or lower MEDIA_PROXY_LIMITS_SPOOL_BYTES',
        ),
  ]
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / MIB).toLocaleString('en')} MiB`
}
