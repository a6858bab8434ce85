import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

export interface LogOptions {
  readonly level: string
  /** For eyes instead of for a collector. */
  readonly pretty: boolean
}

const STANDARD_OUTPUT = 1

/** The service's log: JSON lines on standard output, or readable ones in development. */
export function createLog({ level, pretty }: LogOptions): Log {
  const base = { level, base: null, timestamp: createIsoTime() }
  if (!pretty) {
    const lines = together(pino.destination({ dest: STANDARD_OUTPUT, sync: false }))
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

/** A destination as pino wants one: `flushSync` is called for what is fatal. */
export interface Lines extends DestinationStream {
  flushSync(): void
}

/** A line is written so much later at the most. In milliseconds. */
const HELD_MS = 10

/**
 * Hands the lines of a few milliseconds over together: written one by one they cost a tenth of an answer from memory. A
 * process that is killed takes with it what it held.
 */
export function together(destination: Lines): Lines {
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

/** As pino's own, but made once for all lines of a millisecond. */
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
