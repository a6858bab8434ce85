import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

export interface LogOptions {
  readonly level: string
  /** Whether to write human-readable lines instead of JSON. */
  readonly pretty: boolean
}

const STANDARD_OUTPUT = 1

/** Creates the log of the service: JSON lines on standard output, or human-readable lines in development. */
export function createLog({ level, pretty }: LogOptions): Log {
  const base = { level, base: null, timestamp: createIsoTime() }
  if (!pretty) {
    const lines = batchLines(pino.destination({ dest: STANDARD_OUTPUT, sync: false }))
    process.once('exit', () => lines.flushSync())
    return pino({ ...base, formatters: { level: (label) => ({ level: label }) } }, lines)
  }
  return pino({
    ...base,
    transport: {
      target: 'pino-pretty',
      options: { translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true },
    },
  })
}

/** A destination for pino, which calls `flushSync` after a fatal record. */
export interface Lines extends DestinationStream {
  flushSync(): void
}

/** The maximum delay before a line is written, in milliseconds. */
const HELD_MS = 10

/**
 * Buffers the lines of a few milliseconds and writes them together: written one by one, they cost a tenth of
 * the time of a response from memory. When the process is killed, the buffered lines are lost.
 */
export function batchLines(destination: Lines): Lines {
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    timer = undefined
    if (lines !== '') destination.write(lines)
    lines = ''
  }
  return {
    write(line) {
      timer ??= setTimeout(flush, HELD_MS)
      lines += line
    },
    flushSync() {
      clearTimeout(timer)
      flush()
      destination.flushSync()
    },
  }
}

/** Returns the same timestamps as pino does, but formats them only once per millisecond. */
function createIsoTime(): () => string {
  let madeAt = Number.NaN
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== madeAt) {
      madeAt = now
      text = `,"time":"${new Date(now).toISOString()}"`
    }
    return text
  }
}
