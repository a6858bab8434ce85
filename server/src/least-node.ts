/** Checks the version of Node first, because an older one would fail with an obscure syntax error. */

/** The version in `engines` of package.json. */
const MIN_NODE = [22, 19] as const

/** Whether this Node can run the service. If not, prints an error and sets the exit code to 1. */
export function isNodeNewEnough(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return true
  console.error(
    `@media-proxy/server needs Node ${MIN_NODE.join('.')} or newer; this is ${process.versions.node}.`,
  )
  process.exitCode = 1
  return false
}
