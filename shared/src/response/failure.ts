/**
 * The failures with which a request can end without media.
 *
 * A failure is a value: functions return `T | Failure`. The table below is the only place that defines the
 * response to the client. `detail` is for the operator's log and never leaves the service, because it could
 * reveal details of the store, the network and the keys to anyone.
 */

/** The status and the phrase that the client sees for each failure (contract, section 9). */
const FAILURES = {
  'bad-request': [400, 'Bad Request'],
  undecodable: [400, 'Bad Request'],
  'address-rejected': [400, 'Bad Request'],
  'unsupported-format': [400, 'Unsupported file format'],
  'unsupported-codec': [400, 'File contains unsupported or non-web-compatible codecs'],
  'not-visual': [400, 'Only images and videos can be transformed'],
  'too-large-dimensions': [400, 'Image dimensions too large'],
  'too-many-frames': [400, 'Image dimensions too large: too many frames'],
  'bad-json': [400, 'Invalid JSON'],
  'bad-field': [400, 'Invalid request body'],
  'bad-signature': [401, 'Unauthorized'],
  expired: [401, 'Unauthorized'],
  'bad-secret': [401, 'Unauthorized'],
  forbidden: [403, 'Forbidden'],
  'no-route': [404, 'Not Found'],
  'not-found': [404, 'Not Found'],
  // The same response as for a missing object, so that it does not reveal whether the object exists.
  'attachment-rejected': [404, 'Not Found'],
  'method-not-allowed': [405, 'Method Not Allowed'],
  'upload-too-slow': [408, 'Request Timeout'],
  'precondition-failed': [412, 'Precondition Failed'],
  'source-too-large': [413, 'Payload Too Large'],
  'range-not-satisfiable': [416, 'Range Not Satisfiable'],
  'rate-limited': [429, 'Too Many Requests'],
  'client-gone': [499, 'Client Closed Request'],
  'broken-source': [500, 'Internal Server Error'],
  defect: [500, 'Internal Server Error'],
  'store-unreachable': [502, 'Bad Gateway'],
  'store-denied': [502, 'Bad Gateway'],
  'store-misconfigured': [502, 'Bad Gateway'],
  'external-unreachable': [502, 'Bad Gateway'],
  'origin-unreachable': [502, 'Bad Gateway'],
  overloaded: [503, 'Service Unavailable'],
  'store-busy': [503, 'Service Unavailable'],
  'scan-failed': [503, 'Service Unavailable'],
  'not-ready': [503, 'Service Unavailable'],
  'store-timeout': [504, 'Gateway Timeout'],
  'external-timeout': [504, 'Gateway Timeout'],
  deadline: [504, 'Gateway Timeout'],
} as const satisfies Record<string, readonly [status: number, phrase: string]>

export type FailureCode = keyof typeof FAILURES

/** An expected failure. `detail` is for the log. `headers` (lower-case names) are sent to the client. */
export interface Failure {
  /** Distinguishes a failure from every other value: no other type has `ok: false` together with a code. */
  readonly ok: false
  readonly code: FailureCode
  readonly detail?: string
  /** What the operator can do about it, if known. Like `detail`, it is never sent to the client. */
  readonly advice?: Advice
  readonly headers?: Readonly<Record<string, string>>
  /** The part of the URL or the file that was rejected. Sent to the client when `explainErrors` is on. */
  readonly hint?: { readonly parameter: string; readonly found: string } | { readonly text: string }
}

/** A problem of the installation, and how to fix it. */
export interface Advice {
  readonly found: string
  readonly fix: string
  /** `bucket` when the name of the bucket is at fault, for callers that know the setting it comes from. */
  readonly about?: 'bucket'
}

/** Creates a failure. */
export function fail(
  code: FailureCode,
  detail?: string,
  headers?: Readonly<Record<string, string>>,
): Failure {
  return {
    ok: false,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...(headers === undefined ? {} : { headers }),
  }
}

/**
 * Creates a failure with a detail about only the request or the header of the file, which the client may see.
 */
export function failWithHint(code: FailureCode, detail: string): Failure {
  return { ...fail(code, detail), hint: { text: detail } }
}

/** Creates a failure whose cause the operator can fix. Its detail consists of both parts of the advice. */
export function failWithAdvice(code: FailureCode, advice: Advice): Failure {
  return { ...fail(code, `${advice.found}: ${advice.fix}`), advice }
}

/**
 * Creates a failure for a range that the representation does not have. The size is that of the
 * representation; undefined when a server did not declare it.
 */
export function rangeNotSatisfiable(sizeBytes: number | undefined): Failure {
  const headers = sizeBytes === undefined ? {} : { 'content-range': `bytes */${sizeBytes}` }
  return fail('range-not-satisfiable', undefined, headers)
}

/** Whether a value is a failure. */
export function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'code' in value && 'ok' in value && value.ok === false
}

/** Returns the HTTP status of a failure. */
export function statusOf(failure: Failure): number {
  return FAILURES[failure.code][0]
}

/** Returns the text of the response to a failure, which is the same for every client. */
export function phraseOf(failure: Failure): string {
  return FAILURES[failure.code][1]
}

/** All failure codes, for tables in tests and documents. */
export const FAILURE_CODES = Object.keys(FAILURES) as readonly FailureCode[]
