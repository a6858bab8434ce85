/** Runs `npx @media-proxy/server`: the origin on this machine, with the playground and a filesystem store. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadOriginConfig } from '@media-proxy/origin/config.ts'
import { compileAhead } from '@media-proxy/origin/engine/compile-cache.ts'
import { localPublicUrls } from '@media-proxy/scripts/local-public-urls.ts'
import { localSecrets } from '@media-proxy/scripts/local-secrets.ts'
import { becomeNode, nativeEnvironment, ORIGIN_FLAGS } from '@media-proxy/scripts/origin-process.ts'
import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type CommandLine, HELP, readCommandLine } from './command-line.ts'
import { MANIFEST, SERVER_SCRIPT } from './paths.ts'

const commandLine = readCommandLine(process.argv.slice(2))
if ('fault' in commandLine) {
  console.error(`${commandLine.fault}\n\n${HELP}`)
  process.exit(2)
}
if (commandLine.asks === 'help') console.log(HELP)
else if (commandLine.asks === 'version') console.log(JSON.parse(readFileSync(MANIFEST, 'utf8')).version)
else process.exitCode = await run(commandLine)

/** Runs the service until it exits, or only checks its configuration. Returns the exit code. */
async function run({ asks, settings }: CommandLine): Promise<number> {
  const environment = { ...process.env, ...settings }
  const loaded = loadOriginConfig(environment)
  if (!loaded.ok) {
    for (const fault of loaded.faults) console.error(fault)
    return 1
  }
  const { config, warnings } = loaded
  if (asks === 'check') {
    for (const warning of warnings) console.warn(warning)
    console.log('the configuration has no fault')
    return 0
  }
  const directory = resolve(config.storageDir)
  // In production, no secrets or samples are created. Missing settings prevent the start.
  const local = config.nodeEnv === 'production' ? {} : await localSettings(config, directory)
  compileOnce()
  const args = [...ORIGIN_FLAGS, SERVER_SCRIPT]
  const env = nativeEnvironment({ ...environment, ...local, MEDIA_PROXY_STORAGE_DIR: directory })
  // In other modes this process stays, in order to print the URL of the service.
  if (config.nodeEnv === 'production') becomeNode(args, env)
  const server = spawn(process.execPath, args, {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Only this process receives Ctrl-C from the terminal, and forwards it. The server would treat a second
    // signal as a request to stop immediately.
    detached: process.platform !== 'win32',
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal))
  server.once('message', (message: { readonly listening: number }) => {
    if (config.nodeEnv === 'production') return
    const url = `http://127.0.0.1:${message.listening}`
    console.log(`ready  ${url}  playground ${url}/_playground  files in ${directory}`)
  })
  return exitCodeOf(server)
}

/** Returns settings for local use: secrets and public URLs. Writes samples into a new folder. */
async function localSettings(config: Config, directory: string): Promise<Readonly<Record<string, string>>> {
  if (storageOf(config) === 'filesystem' && !existsSync(join(directory, config.s3.bucketCdn))) {
    console.log(`samples in ${directory} …`)
    const { writeSamples } = await import('@media-proxy/scripts/samples.ts')
    await writeSamples(directory)
  }
  return {
    ...(await localSecrets(directory, config)),
    MEDIA_PROXY_PUBLIC_URL: config.publicUrl.join(',') || localPublicUrls([String(config.port)]),
  }
}

async function exitCodeOf(server: ChildProcess): Promise<number> {
  const [code] = (await once(server, 'exit')) as [number | null]
  return code ?? 1
}

/**
 * Fills the compile cache. From the next start on, an idle engine process has half the start time and memory.
 */
function compileOnce(): void {
  try {
    compileAhead(ORIGIN_FLAGS)
  } catch {
    // The user may not write to the package, for example because root installed it. The start is then only
    // slower.
  }
}
