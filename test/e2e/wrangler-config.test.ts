import { join } from 'node:path'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import { describe, expect, it } from 'vitest'
import { unstable_readConfig as readConfig } from 'wrangler'

const CONFIG = join(import.meta.dirname, '../../wrangler.toml')
const SECRETS = { MEDIA_PROXY_SECRET_KEY: 'a', MEDIA_PROXY_EDGE_SECRET_KEY: 'b' }

/** The part of the configuration that the tests read. wrangler does not export its complete type. */
interface WorkerConfig {
  readonly vars: Readonly<Record<string, unknown>>
  readonly durable_objects: { readonly bindings: readonly { name: string; class_name: string }[] }
  readonly migrations: readonly {
    readonly new_sqlite_classes?: readonly string[]
    readonly deleted_classes?: readonly string[]
  }[]
  readonly ratelimits?: readonly { name: string; simple: { limit: number; period: number } }[]
}

describe.each([undefined, 'production'])('wrangler.toml, environment %s', (env) => {
  const config: WorkerConfig = readConfig({ config: CONFIG, ...(env === undefined ? {} : { env }) })
  const loaded = loadConfig('edge', { environment: { ...config.vars, ...SECRETS } })

  it('has only variables that the worker accepts', () => {
    expect(loaded).toMatchObject({ ok: true, warnings: [] })
  })

  it('has the bindings that the worker needs, and a migration for each class', () => {
    const bound = config.durable_objects.bindings.map(({ name, class_name }) => [name, class_name])
    expect(bound).toEqual([
      ['FLIGHTS', 'FlightCoordinator'],
      ['LEDGERS', 'AttemptLedger'],
      ['PURGES', 'PurgeLog'],
    ])
    const migrated = config.migrations.flatMap(({ new_sqlite_classes = [] }) => new_sqlite_classes)
    const deleted = config.migrations.flatMap(({ deleted_classes = [] }) => deleted_classes)
    expect(migrated.filter((name) => !deleted.includes(name)).toSorted()).toEqual(
      bound.map(([, name]) => name ?? '').toSorted(),
    )
  })

  it('sets the same limits in the binding and in the variables', () => {
    if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
    const { maxAttempts, windowMs } = loaded.config.rateLimitConfig
    for (const { name, simple } of config.ratelimits ?? []) {
      expect({ name, ...simple }).toEqual({
        name: 'RATE_LIMITER',
        limit: maxAttempts,
        period: windowMs / 1000,
      })
    }
  })
})

it('wrangler.toml limits clients and renders in production', () => {
  const { vars }: WorkerConfig = readConfig({ config: CONFIG, env: 'production' })
  expect(vars).toMatchObject({
    MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
    MEDIA_PROXY_RATE_LIMIT_RENDER_MAX_ATTEMPTS: expect.stringMatching(/^\d+$/),
  })
})
