#!/usr/bin/env node
/** `npx @media-proxy/server`: an older Node would end with a syntax error of a file that its user has never heard of. */

/** As `engines` in package.json has it. */
const LEAST_NODE = [22, 19] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
  console.error(
    `@media-proxy/server needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node}.`,
  )
  process.exitCode = 1
} else {
  await import('./run.ts')
}
