import { readdirSync, readFileSync } from 'node:fs'

/** What a process holds, as Linux tells it. */
export interface ProcessLook {
  readonly rssMib: number
  /** Open files and sockets. */
  readonly files: number
  readonly children: number
}

export function lookAt(pid: number): ProcessLook {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    rssMib: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024,
    files: readdirSync(`/proc/${pid}/fd`).length,
    children: childrenOf(pid).length,
  }
}

export function childrenOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return children === '' ? [] : children.split(' ').map(Number)
}
