/** An older Node would end with a syntax error of a file that its user has never heard of. */

/** As `engines` in package.json has it. */
const LEAST_NODE = [22, 19] as const

/** Tells whether this Node can run the service; where it cannot, says so, and the process ends with 1. */
export function isNodeNewEnough(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return true
  console.error(
    `@media-proxy/server needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node}.`,
  )
  process.exitCode = 1
  return false
}
