import { type Logger, pino } from 'pino'
import { createLogOutput, STANDARD_OUTPUT } from './log-output.ts'

export type Log = Logger

export interface LogOptions {
  readonly level: string
  /** Whether to write human-readable lines instead of JSON. */
  readonly pretty: boolean
}

export interface ServiceLog {
  readonly log: Log
  /** Resolves when all records are written, or when nothing reads them. */
  flushed(): Promise<void>
}

/** Creates the log of the service: JSON lines on standard output, or human-readable lines in development. */
export function createLog({ level, pretty }: LogOptions): ServiceLog {
  const base = { level, base: null, timestamp: createIsoTime() }
  if (!pretty) {
    const options = { ...base, formatters: { level: (label: string) => ({ level: label }) } }
    const output = createLogOutput({ ...STANDARD_OUTPUT, droppedLine })
    process.once('exit', () => {
      // A thread waits for the reader, and exiting would wait for the thread.
      if (output.isStalled()) process.kill(process.pid, 'SIGKILL')
      output.flushSync()
    })
    return { log: pino(options, output), flushed: () => output.flushed() }
  }
  const log = pino({
    ...base,
    transport: {
      target: 'pino-pretty',
      options: { translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true },
    },
  })
  return { log, flushed: async () => undefined }
}

/** Returns the record that replaces records that could not be written. */
function droppedLine(count: number): string {
  const record = { level: 'warn', time: new Date().toISOString(), count, msg: 'log records were dropped' }
  return `${JSON.stringify(record)}\n`
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
