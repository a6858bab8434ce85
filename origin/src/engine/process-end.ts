/** How and why an engine process ended. */

export interface ProcessEnd {
  /** The CPU seconds since its last job ended. Undefined when the system does not report CPU time. */
  readonly cpuSeconds: number | undefined
  readonly cause: EndCause
}

export type EndCause =
  /** The server killed it, for the given reason. */
  | { readonly kind: 'killed'; readonly reason: KillReason }
  /** Something else killed it: an operator, or the kernel when memory ran out. */
  | { readonly kind: 'killed-from-outside' }
  /**
   * A decoder crashed, ran out of memory, or the process sent an invalid message. `threw`: it ended by an uncaught
   * JavaScript error.
   */
  | { readonly kind: 'crashed'; readonly detail: string; readonly threw?: true }

export type KillReason = 'cpu' | 'deadline' | 'start' | 'abandoned' | 'closed' | 'renewed' | 'protocol'

/** Node's exit status after an uncaught error. */
const UNCAUGHT_ERROR = 1

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why the server killed it, if it did. */
  readonly killedFor: KillReason | undefined
  /** What was wrong with an invalid message of the process. */
  readonly broken: string | undefined
  readonly stderr: string
}

/** Derives the cause from the exit of a process. */
export function causeOf({ code, signal, killedFor, broken, stderr }: Exit): EndCause {
  if (broken !== undefined) return { kind: 'crashed', detail: broken }
  if (killedFor !== undefined) return { kind: 'killed', reason: killedFor }
  if (signal === 'SIGKILL' || signal === 'SIGTERM') return { kind: 'killed-from-outside' }
  const detail = `${signal ?? `status ${code}`} ${stderr}`.trim()
  return { kind: 'crashed', detail, ...(code === UNCAUGHT_ERROR ? { threw: true } : {}) }
}
