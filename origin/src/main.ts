/** The shell of the origin: configuration in, listening server out, signals. */

import { serve } from '@hono/node-server'
import { loadOriginConfig } from './config.ts'
import { createOrigin, openClassifier } from './service.ts'
import { createLog } from './telemetry/log.ts'

/** Longest time that running requests get to end after a signal. */
const DRAIN_MS = 30_000

const loaded = loadOriginConfig(process.env)
if (!loaded.ok) {
  console.error(`The configuration has ${loaded.faults.length} fault(s):`)
  for (const fault of loaded.faults) console.error(`  ${fault}`)
  process.exit(1)
}

const { config, warnings } = loaded
const log = createLog({ level: config.telemetry.logLevel, pretty: config.nodeEnv === 'development' })
for (const warning of warnings) log.warn(warning)

const classifier = openClassifier(config, log)
if (classifier !== undefined && config.nsfw.required) {
  const fault = await classifier.loaded
  if (fault !== undefined) {
    console.error(`The origin does not start without its model: ${fault.detail}`)
    process.exit(1)
  }
}

const app = await createOrigin({ config, log, ...(classifier === undefined ? {} : { classifier }) })
const server = serve({ fetch: app.fetch, hostname: config.host, port: config.port }, ({ address, port }) => {
  log.info({ address, port }, 'listening')
  process.send?.({ listening: port })
})
server.once('error', (error) => {
  const taken = 'code' in error && error.code === 'EADDRINUSE'
  const advice = taken
    ? 'another program has this port: stop it, or set MEDIA_PROXY_PORT to another one'
    : 'set MEDIA_PROXY_HOST and MEDIA_PROXY_PORT to an address and a port that this user may open'
  log.fatal(error, `cannot listen on ${config.host}:${config.port}; ${advice}`)
  process.exit(1)
})

function drain(): void {
  log.info('draining')
  server.close(() => process.exit(0))
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  setTimeout(() => process.exit(0), DRAIN_MS).unref()
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    process.once(signal, () => process.exit(1))
    drain()
  })
}
// Started by another process, it ends with it, however that one ends.
process.once('disconnect', drain)
