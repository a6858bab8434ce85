import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import * as z from 'zod'

const SECRET_VARIABLES = ['MEDIA_PROXY_SECRET_KEY', 'MEDIA_PROXY_EDGE_SECRET_KEY'] as const

const kept = z.partialRecord(z.enum(SECRET_VARIABLES), z.string())

/**
 * Returns the secrets of a local stack: the configured ones, otherwise those in the data folder, otherwise
 * new random ones. New ones are stored in the data folder, readable only by their owner.
 */
export async function localSecrets(
  directory: string,
  { secretKey, edgeSecretKey }: Pick<Config, 'secretKey' | 'edgeSecretKey'>,
): Promise<Record<(typeof SECRET_VARIABLES)[number], string>> {
  const given: Readonly<Record<string, string | undefined>> = {
    MEDIA_PROXY_SECRET_KEY: secretKey.join(',') || undefined,
    MEDIA_PROXY_EDGE_SECRET_KEY: edgeSecretKey.join(',') || undefined,
  }
  const path = join(directory, 'secrets.json')
  const stored = kept.parse(JSON.parse(await readIfThere(path, '{}')))
  const value = (name: (typeof SECRET_VARIABLES)[number]) =>
    given[name] ?? stored[name] ?? randomBytes(32).toString('base64url')
  const secrets = {
    MEDIA_PROXY_SECRET_KEY: value('MEDIA_PROXY_SECRET_KEY'),
    MEDIA_PROXY_EDGE_SECRET_KEY: value('MEDIA_PROXY_EDGE_SECRET_KEY'),
  }
  const missing = SECRET_VARIABLES.filter((name) => given[name] === undefined && stored[name] === undefined)
  if (missing.length > 0) {
    const keep = Object.fromEntries(missing.map((name) => [name, secrets[name]]))
    await mkdir(directory, { recursive: true })
    await writeFile(path, `${JSON.stringify({ ...stored, ...keep }, null, 2)}\n`, { mode: 0o600 })
  }
  return secrets
}

async function readIfThere(path: string, otherwise: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return otherwise
    throw error
  }
}
