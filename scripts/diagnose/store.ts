/**
 * Checks the store: whether it is reachable, accepts the credentials, has the buckets, and has the same time.
 */

import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createStore } from '@media-proxy/origin/assembly/store.ts'
import { type ConfiguredBucket, configuredBuckets } from '@media-proxy/shared/config/buckets.ts'
import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

/** S3 rejects a signature whose time differs by more than this. */
const MAX_SKEW_SECONDS = 15 * 60
const NOTICEABLE_SKEW_SECONDS = 60

export async function checkStore(config: Config, nowMs: number): Promise<readonly Finding[]> {
  const buckets = configuredBuckets(config)
  if (storageOf(config) === 'filesystem') {
    const folders = buckets.map(({ bucket }) => checkFolder(join(config.storageDir, bucket)))
    return Promise.all([...folders, ...checkWriting(config)])
  }
  const findings = buckets.map((bucket) => checkBucket(config, bucket))
  const all = await Promise.all([...findings, ...checkWriting(config)])
  return [...all, await checkClock(config.s3.endpoint ?? '', nowMs)]
}

/** A folder that the service does not use. The objects written there are removed again. */
const PROBE_FOLDER = 'pnpm-diagnose/'

/** The service also writes to the bucket of renditions, and purges remove objects from it. */
function checkWriting(config: Config): readonly Promise<Finding>[] {
  const { bucketRenditions } = config.s3
  return config.staticMode || bucketRenditions === undefined ? [] : [tryToWrite(config, bucketRenditions)]
}

async function tryToWrite(config: Config, bucket: string): Promise<Finding> {
  const check = `writing to ${bucket}`
  const store = createStore(config)
  const written = await store.put(bucket, `${PROBE_FOLDER}${randomUUID()}`, new Uint8Array([1]))
  const removed = written ?? (await store.removeBelow(bucket, PROBE_FOLDER))
  return isFailure(removed)
    ? failed(
        check,
        `${written === undefined ? 'removing' : 'writing'} fails: ${problemOf(removed)}`,
        removed.advice?.fix ?? `let the service list, write and remove in ${bucket}`,
      )
    : ok(check, 'written and removed')
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

/** Checks a bucket in the same way as `/_ready`: by reading from it. */
async function checkBucket(
  config: Config,
  { name, bucket, endpoint = '' }: ConfiguredBucket,
): Promise<Finding> {
  const check = `bucket ${bucket}`
  const failure = await createStore(config).check(bucket)
  if (failure === undefined) return ok(check, 'readable')
  const found = problemOf(failure)
  if (failure.advice?.about === 'bucket') {
    return failed(check, found, `create the bucket, or set MEDIA_PROXY_S3_${variableOf(name)}`)
  }
  if (failure.code === 'store-unreachable' || failure.code === 'store-timeout') {
    return failed(
      check,
      `${endpoint} cannot be reached (${found})`,
      failure.advice?.fix ?? 'correct MEDIA_PROXY_S3_ENDPOINT, or allow this machine to reach it',
    )
  }
  const unknown = 'see that MEDIA_PROXY_S3_ENDPOINT speaks S3, and nothing stands before it'
  return failed(check, found, failure.advice?.fix ?? unknown)
}

/** Returns the problem without its fix, which is shown on a separate line. */
function problemOf({ advice, code, detail = code }: Failure): string {
  return advice?.found ?? detail
}

function variableOf(name: string): string {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase()
}

/** Compares the clocks. Every response of the store contains its time, even a rejection. */
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
      return warning(check, 'the store sends no Date header', 'compare the clock of this machine by hand')
    const skew = Math.round((nowMs - reported) / 1000)
    const found = `${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} the store`
    const fix = 'set the clock: timedatectl set-ntp true'
    if (Math.abs(skew) >= MAX_SKEW_SECONDS) return failed(check, `${found}: it rejects every signature`, fix)
    return Math.abs(skew) >= NOTICEABLE_SKEW_SECONDS ? warning(check, found, fix) : ok(check, found)
  } catch {
    // The checks of the buckets report that the store cannot be reached.
    return warning(check, 'not compared: the store does not answer', 'fix the store first')
  }
}
