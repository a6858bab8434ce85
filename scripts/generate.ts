/**
 * `pnpm generate`: writes the files that are generated from code. With `--check`, fails when one of them is
 * out of date.
 */

import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeApi } from '@media-proxy/origin/api/description.ts'
import { serviceVersion } from '@media-proxy/origin/api/version.ts'
import { METRICS, type MetricName, prometheusName } from '@media-proxy/origin/telemetry/metric-table.ts'
import { CONFIG_FILE_VARIABLE, listSettings, VARIABLE_PREFIX } from '@media-proxy/shared/config/load.ts'
import { configSchema } from '@media-proxy/shared/config/schema.ts'
import { explanationOf } from '@media-proxy/shared/response/explanations.ts'
import { FAILURE_CODES, phraseOf, statusOf } from '@media-proxy/shared/response/failure.ts'
import * as z from 'zod'
import { clientVectors } from './documents/client-vectors.ts'
import { edgeCostsTable } from './documents/edge-costs.ts'
import { urlsPage } from './documents/parameters.ts'
import { ROOT } from './origin-process.ts'

const GENERATED: Readonly<Record<string, () => string | Promise<string>>> = {
  'clients/go/LICENSE': license,
  'clients/python/LICENSE': license,
  'clients/rust/LICENSE': license,
  'clients/vectors.json': clientVectors,
  'docs/configuration.md': configurationPage,
  'docs/configuration.schema.json': configurationSchema,
  'docs/faq.md': questionsPage,
  'docs/metrics.md': metricsPage,
  'docs/openapi.json': apiDescription,
  'docs/operations.md': operationsPage,
  'docs/urls.md': urlsPage,
}

/** Returns the paths of the generated files that are out of date. */
async function staleFiles(): Promise<readonly string[]> {
  const stale = await Promise.all(
    Object.entries(GENERATED).map(async ([path, make]) => {
      const current = await readFile(join(ROOT, path), 'utf8').catch(() => '')
      return current === (await make()) ? [] : [path]
    }),
  )
  return stale.flat()
}

/** Packages that are published separately include the licence. */
function license(): string {
  return readFileSync(join(ROOT, 'LICENSE'), 'utf8')
}

function configurationPage(): string {
  const rows = listSettings().map(({ path, variable, meta, defaultValue }) => {
    const value = meta.secret || defaultValue === undefined ? '' : `\`${JSON.stringify(defaultValue)}\``
    return `| \`${path.join('.')}\` | \`${variable}\` | ${value} | ${meta.accepts} | ${meta.description} |`
  })
  return `# Configuration

This page is generated from \`shared/src/config/schema.ts\` by \`pnpm generate\`. Do not edit it.

Environment variables override the JSON file that \`${CONFIG_FILE_VARIABLE}\` names, which overrides the defaults. The name of a
variable is \`${VARIABLE_PREFIX}\` followed by the key in upper snake case. The worker's variables and secrets have the same names.
Lists are comma-separated. An invalid configuration stops the start, and every error is reported at once.

| key | variable | default | accepts | description |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

function metricsPage(): string {
  const rows = Object.entries(METRICS).map(([name, { kind, unit, description, labels }]) => {
    const serialized = prometheusName(name as MetricName)
    return `| \`${name}\` | \`${serialized}\` | ${kind} | ${unit} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${description} |`
  })
  return `# Metrics

This page is generated from \`origin/src/telemetry/metric-table.ts\` by \`pnpm generate\`. Do not edit it.

\`GET /_metrics\` returns the metrics in the text format of Prometheus, to clients on the same machine and to clients that send the
internal secret. With \`MEDIA_PROXY_TELEMETRY_OTLP_ENDPOINT\` the service also pushes them by OTLP/HTTP. [deploy/](../deploy)
contains a dashboard and alert rules for them.

| name | in Prometheus | kind | unit | labels | description |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

function apiDescription(): string {
  return `${JSON.stringify(describeApi({ version: serviceVersion() }), null, 2)}\n`
}

/** Only the part between the markers is generated. */
function operationsPage(): string {
  return withPart('docs/operations.md', 'edge costs', edgeCostsTable())
}

function questionsPage(): string {
  const rows = FAILURE_CODES.flatMap((code) => {
    const words = explanationOf(code)
    const failure = { ok: false, code } as const
    return words === undefined
      ? []
      : [`- \`${code}\`, ${statusOf(failure)} \`${phraseOf(failure)}\`: ${words}`]
  })
  return withPart('docs/faq.md', 'rejections', rows.join('\n'))
}

function withPart(path: string, name: string, part: string): string {
  const page = readFileSync(join(ROOT, path), 'utf8')
  const [start, end] = [`<!-- ${name}: made by pnpm generate -->`, `<!-- /${name} -->`]
  return page.replace(new RegExp(`${start}[^]*?${end}`), `${start}\n\n${part}\n\n${end}`)
}

function configurationSchema(): string {
  const schema = z.toJSONSchema(configSchema, { unrepresentable: 'any', io: 'output' })
  // The output form of the schema requires all settings with a default, but a file may omit them.
  const optional = JSON.parse(
    JSON.stringify(schema, (key, value) => (key === 'required' ? undefined : value)),
  )
  return `${JSON.stringify(optional, null, 2)}\n`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const stale = await staleFiles()
  if (process.argv.includes('--check')) {
    for (const path of stale) console.error(`${path} is stale: run pnpm generate`)
    process.exitCode = stale.length === 0 ? 0 : 1
  } else {
    for (const path of stale) await writeFile(join(ROOT, path), (await GENERATED[path]?.()) ?? '')
    console.log(stale.length === 0 ? 'all generated files are fresh' : `wrote ${stale.join(', ')}`)
  }
}
