/** Error responses of a store, and how the operator can fix their cause. */

import { type Advice, type Failure, type FailureCode, fail, failWithAdvice } from '../../response/failure.ts'

export interface ErrorResponse {
  readonly rejected: true
  readonly status: number
  /** The S3 error code. Empty when the response has none, as for HEAD. */
  readonly code: string
  /** The region of the bucket, or the one that the signature must have. */
  readonly region: string | undefined
  readonly retryAfterMs: number | undefined
  /** The missing permission, if the store states it. */
  readonly lacks: 'object' | 'list' | undefined
  /** The size of the object, when a range lies beyond its end. */
  readonly sizeBytes: number | undefined
}

/** Whether the outcome of an exchange is an error response. */
export function isErrorResponse(value: unknown): value is ErrorResponse {
  return typeof value === 'object' && value !== null && 'rejected' in value
}

const MAX_BODY_BYTES = 8192

/**
 * Reads an error response. The body is untrusted, so only values of a known, harmless form are taken from it.
 */
export async function readErrorResponse(
  response: Response,
  body: ReadableStream<Uint8Array> | null,
): Promise<ErrorResponse> {
  const text = body === null ? '' : await readStart(body)
  const { status, headers } = response
  const region = headers.get('x-amz-bucket-region') ?? /<Region>([^<]*)<\/Region>/.exec(text)?.[1] ?? ''
  const action = /not authorized to perform: s3:(\w+)/.exec(text)?.[1]
  const total = /^bytes \*\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1]
  return {
    rejected: true,
    status,
    code: /<Code>([\w.]{1,60})<\/Code>/.exec(text)?.[1] ?? '',
    region: /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined,
    retryAfterMs: retryAfter(headers.get('retry-after')),
    lacks: action === undefined ? undefined : action === 'ListBucket' ? 'list' : 'object',
    sizeBytes: total === undefined ? undefined : Number(total),
  }
}

/** Parses `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3), to milliseconds. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

async function readStart(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= MAX_BODY_BYTES) break
  }
  return text
}

const BUSY_CODES: readonly string[] = [
  'SlowDown',
  'ServiceUnavailable',
  'TooManyRequests',
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
]

/** Whether the store is overloaded, which stores report in several ways. */
export function isBusy({ status, code }: ErrorResponse): boolean {
  return status === 503 || status === 429 || BUSY_CODES.includes(code)
}

/** Whether the credentials have expired. */
export function isExpired({ code }: ErrorResponse): boolean {
  return code === 'ExpiredToken' || code === 'ExpiredTokenException' || code === 'TokenRefreshRequired'
}

const MAX_RETRY_AFTER_SECONDS = 60

/** Converts an error response to a failure. Its details are for the operator and not sent to the client. */
export function failureOf(rejection: ErrorResponse, bucket: string, access: Access = 'read'): Failure {
  const { status, code, retryAfterMs = 1000 } = rejection
  if (isBusy(rejection)) {
    const seconds = Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, Math.ceil(retryAfterMs / 1000)))
    const found = `S3 is overloaded (${code || status})`
    return {
      ...fail('store-busy', found, { 'retry-after': String(seconds) }),
      advice: {
        found,
        fix: 'spread the keys over more prefixes, or raise the request rate that the store allows',
      },
    }
  }
  const known = faultOf(rejection, bucket, access)
  if (known !== undefined) {
    const { code: failure, ...advice } = known
    return failWithAdvice(failure, advice)
  }
  // No object has a key that is too long for the store.
  if (status === 404 || (code === 'KeyTooLongError' && access === 'read')) return fail('not-found')
  return status >= 500
    ? fail('store-unreachable', `S3 answered ${status} ${code}`.trimEnd())
    : fail('store-misconfigured', `S3 answered ${status} ${code}`.trimEnd())
}

interface Fault extends Advice {
  readonly code: Extract<FailureCode, 'store-denied' | 'store-misconfigured' | 'broken-source'>
}

function fault(code: Fault['code'], found: string, fix: string): Fault {
  return { code, found, fix }
}

/** The permissions that a key needs for each operation. */
const PERMISSIONS = {
  read: (bucket: string) => `read and list the bucket ${bucket} (s3:GetObject and s3:ListBucket at AWS)`,
  write: (bucket: string) => `write to the bucket ${bucket} (s3:PutObject at AWS)`,
  remove: (bucket: string) => `remove from the bucket ${bucket} (s3:DeleteObject at AWS)`,
}

type Access = keyof typeof PERMISSIONS

function faultOf({ status, code, region }: ErrorResponse, bucket: string, access: Access): Fault | undefined {
  const rejected = `S3 rejected the credentials (${code || status})`
  switch (code) {
    case 'NoSuchBucket':
      return {
        ...fault('store-misconfigured', `the bucket ${bucket} does not exist`, 'create it or name another'),
        about: 'bucket',
      }
    case 'InvalidBucketName':
      return {
        ...fault('store-misconfigured', `${bucket} is no name of a bucket`, 'name another'),
        about: 'bucket',
      }
    case 'InvalidAccessKeyId':
      return fault(
        'store-denied',
        `${rejected}: it does not know the access key`,
        'correct MEDIA_PROXY_S3_ACCESS_KEY_ID, or the endpoint that it belongs to',
      )
    case 'SignatureDoesNotMatch':
      return fault(
        'store-denied',
        rejected,
        'check that the secret belongs to the access key (MEDIA_PROXY_S3_SECRET_ACCESS_KEY, ' +
          'MEDIA_PROXY_S3_ACCESS_KEY_ID), that nothing between here and the store rewrites paths or the Host ' +
          'header, and the clock of this machine',
      )
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
    case 'InvalidToken':
      return fault(
        'store-denied',
        `${rejected}: the session token is ${code === 'InvalidToken' ? 'not one of this key' : 'expired'}`,
        'set new values for MEDIA_PROXY_S3_ACCESS_KEY_ID, MEDIA_PROXY_S3_SECRET_ACCESS_KEY and ' +
          'MEDIA_PROXY_S3_SESSION_TOKEN, or have them renewed by themselves: MEDIA_PROXY_S3_CREDENTIALS=chain',
      )
    case 'RequestTimeTooSkewed':
      return fault(
        'store-denied',
        `${rejected}: the clock of this machine differs from the store's`,
        'set the clock: timedatectl set-ntp true',
      )
    case 'AuthorizationHeaderMalformed':
      return fault(
        'store-misconfigured',
        `S3 wants another region in the signature${region === undefined ? '' : `, ${region}`}`,
        `set MEDIA_PROXY_S3_REGION${region === undefined ? ' to the region of the bucket' : ` to ${region}`}`,
      )
    case 'InvalidObjectState':
      return fault(
        'broken-source',
        'the object is archived',
        'restore it, or move it to another storage class',
      )
    default:
      return (
        redirectFault(status, region, bucket) ?? deniedFault(status, rejected, PERMISSIONS[access](bucket))
      )
  }
}

function redirectFault(status: number, region: string | undefined, bucket: string): Fault | undefined {
  if (status < 300 || status > 399) return undefined
  return region === undefined
    ? fault(
        'store-misconfigured',
        `S3 redirects (${status}), which is not followed`,
        'set MEDIA_PROXY_S3_ENDPOINT to where it leads',
      )
    : fault(
        'store-misconfigured',
        `the bucket ${bucket} is in the region ${region}, which this endpoint does not serve (${status})`,
        `set MEDIA_PROXY_S3_ENDPOINT to the endpoint of that region (at AWS https://s3.${region}.amazonaws.com), ` +
          `and MEDIA_PROXY_S3_REGION to ${region}`,
      )
}

function deniedFault(status: number, rejected: string, permission: string): Fault | undefined {
  if (status !== 401 && status !== 403) return undefined
  return fault(
    'store-denied',
    rejected,
    `let the key ${permission}, and check ` +
      'MEDIA_PROXY_S3_ACCESS_KEY_ID and MEDIA_PROXY_S3_SECRET_ACCESS_KEY',
  )
}
