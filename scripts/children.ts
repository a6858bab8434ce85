import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/**
 * Child processes that end together with their descendants. Each gets its own process group, so that Ctrl-C
 * in a terminal reaches only the parent, which then ends the children in order.
 */
export interface Children {
  start(name: string, command: string, args: readonly string[], options: SpawnOptions): ChildProcess
  /** Ends all children: sends SIGTERM, waits, and then sends SIGKILL. Can be called several times. */
  stop(): Promise<void>
}

const KILL_DELAY_MS = 10_000

/** Creates a group of children. `onExit` is called for a child that ends before it was told to stop. */
export function createChildren(onExit: (name: string, code: number | null) => void): Children {
  const running = new Map<ChildProcess, Promise<void>>()
  let stopping: Promise<void> | undefined

  async function stopAll(): Promise<void> {
    for (const child of running.keys()) signalGroup(child, 'SIGTERM')
    const gone = Promise.all(running.values())
    const timer = setTimeout(() => {
      for (const child of running.keys()) signalGroup(child, 'SIGKILL')
    }, KILL_DELAY_MS)
    await gone
    clearTimeout(timer)
  }

  return {
    start(name, command, args, options) {
      const child = spawn(command, args, { ...options, detached: true })
      const exited = new Promise<void>((resolve) => {
        child.once('error', (error) => {
          console.error(`${name} cannot be started: ${error.message}`)
          resolve()
        })
        child.once('exit', (code) => {
          running.delete(child)
          // Ends the remaining processes of the child's group.
          signalGroup(child, 'SIGKILL')
          resolve()
          if (stopping === undefined) onExit(name, code)
        })
      })
      running.set(child, exited)
      return child
    },
    stop() {
      stopping ??= stopAll()
      return stopping
    },
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // The group has ended already.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
