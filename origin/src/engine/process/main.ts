/** The main module of an engine process. It runs one job after the other until the server is gone. */

import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Job } from '../jobs.ts'
import { MESSAGE } from '../protocol.ts'
import { decodeSetup } from '../setup.ts'
import { openChannel } from './channel.ts'
import type { JobHandler } from './job-handler.ts'

/** The descriptor of the socket. The process has no others except the three standard streams. */
const CHANNEL_DESCRIPTOR = 3
/** How often a busy process checks that its server is still alive, in milliseconds. */
const ORPHAN_CHECK_MS = 1000
/**
 * After a job whose result has more bytes than this, garbage is collected explicitly. V8 would not do so while
 * the process waits for the next job. It takes 10 to 30 ms of CPU time.
 */
const COLLECTED_BYTES = 4 * 1024 * 1024

process.title = 'media-proxy engine'
const server = process.ppid
const channel = openChannel(CHANNEL_DESCRIPTOR)
const setup = decodeSetup(process.argv[2])
const handler = await openHandler().catch((error: unknown) => {
  // The server logs the first line for the operator.
  process.stderr.write((error instanceof Error ? error.message : String(error)).split('\n', 1).join(''))
  process.exit(1)
})
const collectGarbage = garbageCollector()
let idleCpuSeconds = 0

channel.send(MESSAGE.ready, { ...handler.ready, cpuSeconds: cpuSeconds() })
// The timer fires only while a job runs. Between two jobs the process waits in a blocking read, which ends
// with the server.
setInterval(() => {
  if (process.ppid !== server) process.exit(0)
}, ORPHAN_CHECK_MS).unref()

for (let bytes = await workOnNext(); bytes !== undefined; bytes = await workOnNext()) {
  if (bytes > COLLECTED_BYTES) releaseMemory()
}
// Libraries may keep the event loop alive.
process.exit(0)

/**
 * Runs one job, or releases memory when no job is pending, and keeps no reference to it. Returns the size of
 * the result in bytes. Undefined when the server is gone.
 */
async function workOnNext(): Promise<number | undefined> {
  await childrenEnded()
  const message = channel.receiveJob()
  if (message === undefined) return undefined
  if (message.kind === MESSAGE.releaseMemory) {
    handler.releaseMemory()
    channel.releaseMemory()
    releaseMemory()
    return 0
  }
  if (message.kind !== MESSAGE.job) throw new Error(`message ${message.kind} instead of a job`)
  const job: Job = JSON.parse(message.text)
  const { result, body } = await handler.work(job, message.body)
  channel.send(MESSAGE.done, { cpuSeconds: cpuSeconds(), idleCpuSeconds, result }, body)
  idleCpuSeconds = 0
  return body?.length ?? 0
}

/** Releases memory. The CPU time of this is not part of a job. */
function releaseMemory(): void {
  const before = cpuSeconds()
  collectGarbage()
  idleCpuSeconds += cpuSeconds() - before
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/**
 * Waits until killed child processes are reaped. A child stays a zombie until the event loop runs, and the
 * event loop does not run while the process waits for a job.
 */
async function childrenEnded(): Promise<void> {
  while (process.getActiveResourcesInfo().includes('ProcessWrap')) await setTimeout(1)
}

/** Each role imports only its own libraries. */
async function openHandler(): Promise<JobHandler> {
  if (setup.role === 'scan') return (await import('./scan-handler.ts')).openScanHandler(setup)
  return (await import('./media-handler.ts')).openMediaHandler(setup, channel)
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new Error('V8 has no collector to call')
  return () => collect()
}
