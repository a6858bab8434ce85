import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { AwsClient } from 'aws4fetch'
import { freePort } from '../free-port.ts'
import { until } from '../until.ts'
import { BUCKETS, type S3Server, writerTo } from './s3-server.ts'

/** A Python with moto: `MOTO_PYTHON`, otherwise that of the system. Tests install nothing. */
const PYTHON = process.env.MOTO_PYTHON ?? 'python3'

const VERSION = spawnSync(PYTHON, ['-c', 'import moto.server; print(moto.__version__)'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
}).stdout?.trim()

/**
 * Versions before 5.2.5 verify decoded paths, so that not even AWS's own clients can store `(1).txt` in them.
 */
export const HAS_MOTO = VERSION !== undefined && isAtLeast(VERSION, [5, 2, 5])

function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const found = version.split('.').map(Number)
  const differing = wanted.findIndex((part, index) => part !== found[index])
  return differing === -1 || (found[differing] ?? 0) > (wanted[differing] ?? 0)
}

export const MOTO_SKIPPED =
  'skipped: no moto here, or an old one (pip install "moto[server,s3]>=5.2.5"; MOTO_PYTHON names the Python that has it)'

/** The number of calls before moto requires credentials: creating a user, its key, and its permissions. */
const SETUP_ACTIONS = 3

/** Opens moto with authentication enabled: it checks signatures and permissions like AWS. */
export async function openMoto(actions: readonly string[] = ['s3:*']): Promise<S3Server> {
  const port = await freePort()
  const child = spawn(PYTHON, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { ...process.env, INITIAL_NO_AUTH_ACTION_COUNT: String(SETUP_ACTIONS) },
  })
  const base = `http://127.0.0.1:${port}`
  await until(async () => (await fetch(`${base}/moto-api/data.json`).catch(() => undefined))?.ok === true)
  const anybody = new AwsClient({ accessKeyId: 'any', secretAccessKey: 'any', region: 'us-east-1' })
  const iam = async (parameters: Readonly<Record<string, string>>) => {
    const response = await anybody.fetch(`${base}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: String(new URLSearchParams({ Version: '2010-05-08', UserName: 'proxy', ...parameters })),
      aws: { service: 'iam' },
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return response.text()
  }
  await iam({ Action: 'CreateUser' })
  const key = await iam({ Action: 'CreateAccessKey' })
  const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(key)?.[1] ?? ''
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] }
  await iam({ Action: 'PutUserPolicy', PolicyName: 'p', PolicyDocument: JSON.stringify(policy) })
  const where = {
    endpoint: base,
    region: 'us-east-1',
    credentials: { accessKeyId: field('AccessKeyId'), secretAccessKey: field('SecretAccessKey') },
  }
  const client = new AwsClient({ ...where.credentials, region: where.region, service: 's3' })
  for (const bucket of BUCKETS) {
    const response = await client.fetch(`${base}/${bucket}`, { method: 'PUT' })
    if (!response.ok) throw new Error(`cannot make ${bucket}: ${response.status} ${await response.text()}`)
  }
  return {
    ...where,
    ...writerTo(where),
    async close() {
      child.kill()
      await once(child, 'exit')
    },
  }
}
