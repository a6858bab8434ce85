/** The entry point of the origin: loads the configuration, listens, and handles signals. */

import { readFileSync } from 'node:fs'
import { Server } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { openClassifier } from './assembly/scan.ts'
import { loadOriginConfig } from './config.ts'
import { createHttpServer } from './http-server.ts'
import { createOrigin } from './origin.ts'
import { watchConnections } from './silent-connections.ts'
import { removeAbandonedFolders } from './streams/temporary-folder.ts'
import { createLog } from './telemetry/log.ts'

/** The maximum time from a signal to the end of the process, in milliseconds. */
const DRAIN_MS = 30_000
/**
 * The part of that time that is reserved for background work
 * after the responses. A receiver of traces may be gone, or hang.
 */
const BACKGROUND_WORK_MS = 5000
/** A connection that is silent for this time while the process drains is closed, in milliseconds. */
const SILENT_CONNECTION_MS = 2000
/**
 * A second signal ends the process at once, unless it comes within this time in milliseconds: a terminal
 * signals all its processes, and a parent may forward its own signal.
 */
const REPEATED_SIGNAL_MS = 1000
/**
 * The maximum number of connections that wait to be accepted. The kernel also bounds it with `somaxconn`.
 * With the default of Node, 511, clients of a burst wait seconds until their connections are retried.
 */
const LISTEN_BACKLOG = 4096

const loaded = loadOriginConfig(process.env)
if (!loaded.ok) {
  console.error(`The configuration has ${loaded.faults.length} fault(s):`)
  for (const fault of loaded.faults) console.error(`  ${fault}`)
  process.exit(1)
}

const { config, warnings, notices } = loaded
const { log, flushed } = createLog({
  level: config.telemetry.logLevel,
  pretty: config.nodeEnv === 'development',
})
for (const warning of warnings) log.warn(warning)
for (const notice of notices) log.info(notice)

const { otlpEndpoint, sampleRatio } = config.telemetry
const stopTracing =
  otlpEndpoint === undefined
    ? undefined
    : await import('./telemetry/tracing.ts').then(({ startTracing }) =>
        startTracing({ otlpEndpoint, sampleRatio }),
      )

const classifier = openClassifier(config, log)
if (classifier !== undefined && config.nsfw.required) {
  const fault = await classifier.loaded
  if (fault !== undefined) {
    console.error(`The origin does not start without its model: ${fault.detail}`)
    process.exit(1)
  }
}

await removeAbandonedFolders()

let draining = false
const origin = await createOrigin({
  config,
  log,
  draining: () => draining,
  ...(classifier === undefined ? {} : { classifier }),
})

// An unhandled rejection is a defect of one request. After
// an uncaught exception the state of the process is unknown.
process.on('unhandledRejection', (error) => {
  origin.countDefect()
  log.error({ err: error }, 'unhandled rejection')
})
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'uncaught exception; the process ends')
  process.exit(1)
})

const server = createHttpServer(origin)
const silentConnections = watchConnections(server)
server.listen({ host: config.host, port: config.port, backlog: LISTEN_BACKLOG }, () => {
  const listening = server.address()
  if (listening === null || typeof listening === 'string') return
  const { address, port } = listening
  log.info(
    { address, port, threads: process.env.UV_THREADPOOL_SIZE ?? '4', allocator: allocator() },
    'listening',
  )
  process.send?.({ listening: port })
})
const metricsServer =
  config.metricsPort === undefined
    ? undefined
    : createAdaptorServer({ fetch: origin.metrics }).listen({ host: config.host, port: config.metricsPort })
metricsServer?.once('error', (error) => {
  log.fatal(
    error,
    `cannot listen on ${config.host}:${config.metricsPort}; set MEDIA_PROXY_METRICS_PORT to another port`,
  )
  process.exit(1)
})
server.once('error', (error) => {
  const taken = 'code' in error && error.code === 'EADDRINUSE'
  const advice = taken
    ? 'another program has this port: stop it, or set MEDIA_PROXY_PORT to another one'
    : 'set MEDIA_PROXY_HOST and MEDIA_PROXY_PORT to an address and a port that this user may open'
  log.fatal(error, `cannot listen on ${config.host}:${config.port}; ${advice}`)
  process.exit(1)
})

/**
 * Drains the process: it reports that it is not ready, accepts no new connections, and ends when the running
 * requests have finished or their time is over. An open connection gets one more response, which announces
 * that it is the last one. Closing it at once would cut off a request that is already on its way.
 */
function drain(): void {
  if (draining) return
  draining = true
  log.info('draining')
  server.prependListener('request', (_, response) => {
    response.shouldKeepAlive = false
  })
  // The `close` method of the HTTP server would also close the idle connections.
  Server.prototype.close.call(server, () => void end())
  silentConnections.end()
  setInterval(() => silentConnections.end(), SILENT_CONNECTION_MS).unref()
  setTimeout(() => void end(), DRAIN_MS - BACKGROUND_WORK_MS).unref()
}

async function end(): Promise<void> {
  setTimeout(() => process.exit(0), BACKGROUND_WORK_MS).unref()
  // Requests that are cut off remove their unfinished files.
  server.closeAllConnections()
  await Promise.allSettled([origin.close(), stopTracing?.()])
  await flushed()
  process.exit(0)
}

let firstSignalAt = Number.POSITIVE_INFINITY
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (performance.now() - firstSignalAt > REPEATED_SIGNAL_MS) process.exit(1)
    firstSignalAt = Math.min(firstSignalAt, performance.now())
    drain()
  })
}
// When another process started this one, this process ends with it, however that one ends.
process.once('disconnect', drain)

/** Returns the memory allocator in use, as seen by the process itself: a preload that fails is silent. */
function allocator(): string {
  try {
    if (readFileSync('/proc/self/maps', 'latin1').includes('jemalloc')) return 'jemalloc'
  } catch {
    return 'unknown'
  }
  return `glibc, ${process.env.MALLOC_ARENA_MAX ?? 'any number of'} arenas`
}
