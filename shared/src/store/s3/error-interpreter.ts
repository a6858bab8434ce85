/**
 * Distinguishes missing objects from denied access. AWS returns 403 for a missing object when the key may not
 * list the bucket, so as not to reveal which objects exist.
 */

import { discardBody } from '../../discard-body.ts'
import { type Failure, fail, isFailure } from '../../response/failure.ts'
import { bucketUrl, type S3Address } from './address.ts'
import { type ErrorResponse, failureOf, isErrorResponse } from './error-response.ts'
import type { S3Exchange } from './exchange.ts'

/** How long the permission to list a bucket is cached, in milliseconds. */
const REMEMBERED_MS = 60_000

/**
 * Returns the meaning of an error on reading an object: `not-found`, or a fault that the operator has to fix.
 */
export type ErrorInterpreter = (
  rejection: ErrorResponse,
  bucket: string,
  signal?: AbortSignal,
) => Promise<Failure>

/** Creates an interpreter. It remembers for a minute which buckets the key may list. */
export function createErrorInterpreter(
  ask: S3Exchange,
  addressOf: (bucket: string) => S3Address,
): ErrorInterpreter {
  const listable = new Map<string, { readonly verdict: boolean; readonly until: number }>()

  /**
   * Whether the key may list a bucket. It then gets 404 for missing objects, so that 403 means denied access.
   */
  async function mayList(bucket: string, signal: AbortSignal | undefined): Promise<boolean | Failure> {
    const now = performance.now()
    const known = listable.get(bucket)
    if (known !== undefined && now < known.until) return known.verdict
    const url = bucketUrl(addressOf(bucket), bucket, '?list-type=2&max-keys=1')
    const outcome = await ask({ method: 'GET', bucket, url, signal })
    if (isFailure(outcome)) return outcome
    if (isErrorResponse(outcome) && outcome.code !== 'AccessDenied') return failureOf(outcome, bucket)
    if (!isErrorResponse(outcome)) await discardBody(outcome.body)
    const verdict = !isErrorResponse(outcome)
    listable.set(bucket, { verdict, until: now + REMEMBERED_MS })
    return verdict
  }

  return async (rejection, bucket, signal) => {
    const { status, code, lacks } = rejection
    if (status !== 403 || code !== 'AccessDenied' || lacks === 'object') return failureOf(rejection, bucket)
    const listed = lacks === 'list' ? false : await mayList(bucket, signal)
    if (isFailure(listed)) return listed
    return listed ? failureOf(rejection, bucket) : fail('not-found', UNLISTED)
  }
}

const UNLISTED =
  'S3 says AccessDenied, as it does of missing objects to a key that may not list the bucket: allow s3:ListBucket ' +
  'to have it say which'
