/** The store: whether it is there, lets us in, has its buckets, and goes by the same clock. */

import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

/** S3 refuses a signature that is older or newer than this. */
const MAX_SKEW_SECONDS = 15 * 60
const NOTICEABLE_SKEW_SECONDS = 60

export async function checkStore(config: Config, nowMs: number): Promise<readonly Finding[]> {
  const buckets = config.staticMode
    ? [['bucketStatic', config.s3.bucketStatic] as const]
    : [['bucketCdn', config.s3.bucketCdn] as const, ['bucketUploads', config.s3.bucketUploads] as const]
  if (storageOf(config) === 'filesystem') {
    return Promise.all(buckets.map(([, bucket]) => checkFolder(join(config.storageDir, bucket))))
  }
  const findings = await Promise.all(buckets.map(([name, bucket]) => checkBucket(config, name, bucket)))
  return [...findings, await checkClock(config.s3.endpoint ?? '', nowMs)]
}

async function checkFolder(folder: string): Promise<Finding> {
  const check = 'store folder'
  try {
    if (!(await stat(folder)).isDirectory()) {
      return failed(check, `${folder} is not a folder`, 'move the file away, or set MEDIA_PROXY_STORAGE_DIR')
    }
    await access(folder, constants.R_OK | constants.X_OK)
    return ok(check, `${folder} is readable`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return code === 'ENOENT'
      ? failed(check, `${folder} does not exist`, `mkdir -p '${folder}', or set MEDIA_PROXY_STORAGE_DIR`)
      : failed(
          check,
          `${folder} is not readable (${code})`,
          `let this user read it: chmod u+rX '${folder}', or chown`,
        )
  }
}

/** No object has this name: a store that says so has let us in. */
const PROBE = 'media-proxy-diagnose-probe'

async function checkBucket({ s3 }: Config, name: string, bucket: string): Promise<Finding> {
  const { endpoint = '', region, accessKeyId = '', secretAccessKey = '', timeoutMs } = s3
  const store = createS3Store({ endpoint, region, accessKeyId, secretAccessKey, timeoutMs })
  const check = `bucket ${bucket}`
  const object = await store.get(bucket, PROBE)
  if (!isFailure(object)) {
    await object.body.cancel()
    return ok(check, 'readable')
  }
  const detail = object.detail ?? object.code
  switch (object.code) {
    case 'not-found':
      return ok(check, 'readable')
    case 'store-denied':
      return failed(
        check,
        detail,
        'mend the credentials: the secret belongs to the access key, and it may read and list this bucket',
      )
    case 'store-misconfigured':
      return failed(check, detail, `create the bucket, or set MEDIA_PROXY_S3_${variableOf(name)}`)
    default:
      return failed(
        check,
        `${endpoint} cannot be reached (${detail})`,
        'mend MEDIA_PROXY_S3_ENDPOINT, or let this machine reach it',
      )
  }
}

function variableOf(name: string): string {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase()
}

/** Every answer of the store tells its time; whether it is a refusal does not matter. */
async function checkClock(endpoint: string, nowMs: number): Promise<Finding> {
  const check = 'clock'
  try {
    const response = await fetch(endpoint, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.timeout(5000),
    })
    const reported = Date.parse(response.headers.get('date') ?? '')
    if (Number.isNaN(reported))
      return warning(check, 'the store tells no time', 'compare the clock of this machine by hand')
    const skew = Math.round((nowMs - reported) / 1000)
    const found = `${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} the store`
    const fix = 'set the clock: timedatectl set-ntp true'
    if (Math.abs(skew) >= MAX_SKEW_SECONDS) return failed(check, `${found}: it refuses every signature`, fix)
    return Math.abs(skew) >= NOTICEABLE_SKEW_SECONDS ? warning(check, found, fix) : ok(check, found)
  } catch {
    // The buckets' own line says that the store cannot be reached.
    return warning(check, 'not compared: the store does not answer', 'mend the store first')
  }
}
