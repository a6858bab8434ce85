import { readdirSync, readFileSync } from 'node:fs'

/** The resources of a process, on Linux. */
export interface ProcessSnapshot {
  /** The resident memory of the process itself. */
  readonly rssMib: number
  /** The open files and sockets. */
  readonly files: number
  /** The number of descendants, apart from engine processes. */
  readonly children: number
}

export function inspectProcess(pid: number): ProcessSnapshot {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    rssMib: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024,
    files: readdirSync(`/proc/${pid}/fd`).length,
    children: descendantsOf(pid).filter((child) => !isEngine(child)).length,
  }
}

/**
 * Returns the proportional set size of a process and all
 * its descendants, in MiB: shared memory is counted once.
 */
export function treeMib(pid: number): number {
  return [pid, ...descendantsOf(pid)].reduce((sum, each) => sum + pssMib(each), 0)
}

/** Returns the largest resident memory that any descendant has had so far, in MiB. */
export function largestChildMib(pid: number): number {
  return Math.max(0, ...descendantsOf(pid).map(peakMib))
}

/** The same for engine processes only. */
export function largestEngineMib(pid: number): number {
  return Math.max(0, ...engineOf(pid).map(peakMib))
}

function peakMib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] ?? 0) / 1024
}

/**
 * Returns the CPU milliseconds so far of a process and all its descendants, including those that have ended
 * and were waited for: the fields 14 to 17 of proc_pid_stat(5), in hundredths of a second.
 */
export function treeCpuMs(pid: number): number {
  return [pid, ...descendantsOf(pid)].reduce((sum, each) => sum + cpuMs(each), 0)
}

function cpuMs(pid: number): number {
  const stat = read(pid, 'stat')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * 10
}

/** Returns the engine processes among the descendants. */
export function engineOf(pid: number): readonly number[] {
  return descendantsOf(pid).filter(isEngine)
}

export function descendantsOf(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)])
}

export function childrenOf(pid: number): readonly number[] {
  const children = read(pid, `task/${pid}/children`).trim()
  return children === '' ? [] : children.split(' ').map(Number)
}

/** An engine process sets its title once its code runs. Before that, it is recognised by its script. */
function isEngine(pid: number): boolean {
  return /media-proxy engine|engine\/process\/main/.test(read(pid, 'cmdline'))
}

function pssMib(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(pid, 'smaps_rollup'))?.[1] ?? 0) / 1024
}

/** Reads a file of a process in /proc. Empty when the process has just ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
