/** `pnpm diagnose`: checks the setup of this machine and reports what is wrong and how to fix it. */

import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checkOrigin, checkWorker, keptSecrets } from './diagnose/configuration.ts'
import type { Finding } from './diagnose/finding.ts'
import { checkPlatform } from './diagnose/platform.ts'
import { checkPort } from './diagnose/ports.ts'
import { checkRunning } from './diagnose/running.ts'
import { checkStore } from './diagnose/store.ts'
import { renderTable } from './diagnose/table.ts'
import { checkFonts, checkModel, checkProcess, checkSharp, checkVideoDecoder } from './diagnose/tools.ts'
import { checkTrust } from './diagnose/trust.ts'
import { nativeEnvironment, ROOT } from './origin-process.ts'

const USAGE = `usage: pnpm diagnose [--json] [--edge-variables FILE]
Ends with 0 where nothing failed, with 1 where something did, with 2 for words it does not know.
--edge-variables  the worker's variables and secrets as NAME=value lines, to compare with the origin's
                  (default: .dev.vars, and what pnpm start keeps in its data folder)`

const options = readOptions()
if (options === undefined) {
  console.error(USAGE)
  process.exit(2)
}
const findings: Finding[] = []
for await (const finding of diagnose(options.edgeVariables)) {
  findings.push(finding)
  if (!options.json && process.stderr.isTTY) process.stderr.write(`\r\u001b[K${finding.check} …`)
}
if (!options.json && process.stderr.isTTY) process.stderr.write('\r\u001b[K')
const failed = findings.some(({ state }) => state === 'failed')
console.log(options.json ? JSON.stringify({ ok: !failed, findings }, null, 2) : renderTable(findings))
process.exitCode = failed ? 1 : 0

async function* diagnose(edgeVariables: string | undefined): AsyncGenerator<Finding> {
  const storageDir = resolve(ROOT, process.env.MEDIA_PROXY_STORAGE_DIR ?? '.data')
  // The same environment as in pnpm start and pnpm start:origin.
  const kept = await keptSecrets(storageDir)
  yield* kept.findings
  const environment = nativeEnvironment({
    MEDIA_PROXY_STORAGE_DIR: storageDir,
    ...kept.secrets,
    ...process.env,
  })
  const { config, findings } = checkOrigin(environment)
  yield* findings
  if (config !== undefined) {
    yield* await checkWorker(
      {
        wranglerToml: join(ROOT, 'wrangler.toml'),
        variableFiles:
          edgeVariables === undefined
            ? [join(ROOT, '.dev.vars'), join(storageDir, 'edge/variables')]
            : [resolve(edgeVariables)],
      },
      config,
    )
    yield* checkTrust(config)
    yield* await checkStore(config, Date.now())
    yield await checkPort('origin', config.host, config.port, 'MEDIA_PROXY_PORT')
    if (config.port !== 0) yield* await checkRunning(config)
    yield await checkPort('edge', '127.0.0.1', Number(process.env.EDGE_PORT ?? 8787), 'EDGE_PORT')
  }
  yield* await checkVideoDecoder(environment, config?.engine.libav ?? true)
  yield checkSharp()
  yield checkFonts()
  // In production, only the container or the service manager sets it up.
  if (config !== undefined) yield* await checkPlatform(config)
  yield* checkProcess(config?.nodeEnv === 'production' ? process.env : environment)
  if (config !== undefined) yield await checkModel(config)
}

function readOptions(): { readonly json: boolean; readonly edgeVariables: string | undefined } | undefined {
  try {
    const { values } = parseArgs({
      options: { json: { type: 'boolean', default: false }, 'edge-variables': { type: 'string' } },
    })
    return { json: values.json, edgeVariables: values['edge-variables'] }
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return undefined
  }
}
