import { type Logger, pino } from 'pino'

export type Log = Logger

export interface LogOptions {
  readonly level: string
  /** For eyes instead of for a collector. */
  readonly pretty: boolean
}

/** The service's log: JSON lines on standard output, or readable ones in development. */
export function createLog({ level, pretty }: LogOptions): Log {
  const base = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!pretty) return pino({ ...base, formatters: { level: (label) => ({ level: label }) } })
  return pino({
    ...base,
    transport: {
      target: 'pino-pretty',
      options: { translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true },
    },
  })
}
