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
  const base = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
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

/** Hands the lines of one turn of the event loop over together: each by itself costs a tenth of an answer from memory. */
export function together(destination: Lines): Lines {
  let lines = ''
  const flush = () => {
    if (lines !== '') destination.write(lines)
    lines = ''
  }
  return {
    write(line) {
      if (lines === '') setImmediate(flush)
      lines += line
    },
    flushSync() {
      flush()
      destination.flushSync()
    },
  }
}
