/** Checks the version of Node first, because an older one would fail with an obscure syntax error. */

/** The version in `engines` of package.json. */
const LEAST_NODE = [22, 19] as const

/** Whether this Node can run the service. If not, prints an error and sets the exit code to 1. */
export function isNodeNewEnough(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return true
  console.error(
    `@media-proxy/server needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node}.`,
  )
  process.exitCode = 1
  return false
}
