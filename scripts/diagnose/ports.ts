import { once } from 'node:events'
import { createServer } from 'node:net'
import { type Finding, failed, ok, warning } from './finding.ts'
import { localUrl } from './local-url.ts'

/** Checks whether a port is free, or in use by this service. */
export async function checkPort(
  name: string,
  host: string,
  port: number,
  variable: string,
): Promise<Finding> {
  const check = `${name} port`
  if (port === 0) return ok(check, 'any free one')
  const code = await tryToListen(host, port)
  if (code === undefined) return ok(check, `${host}:${port} is free`)
  if (code === 'EADDRINUSE') {
    return (await answersHealth(host, port))
      ? ok(check, `${host}:${port}, where the service runs`)
      : failed(
          check,
          `${host}:${port} is taken by another program`,
          `stop it (ss -ltnp 'sport = :${port}' names it), or set ${variable} to another port`,
        )
  }
  return code === 'EACCES'
    ? failed(check, `${host}:${port} may not be opened by this user`, `set ${variable} to a port above 1023`)
    : warning(
        check,
        `${host}:${port} cannot be opened (${code})`,
        'set MEDIA_PROXY_HOST to an address of this machine',
      )
}

async function tryToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    const listening = once(server, 'listening')
    server.listen(port, host)
    await listening
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  } finally {
    server.close()
  }
}

async function answersHealth(host: string, port: number): Promise<boolean> {
  try {
    const response = await fetch(`${localUrl(host, port)}/_health`, { signal: AbortSignal.timeout(2000) })
    return response.ok && (await response.text()) === 'OK'
  } catch {
    // The program on this port does not speak HTTP, or does not respond in time, so it is not this service.
    return false
  }
}
