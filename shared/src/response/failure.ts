/**
 * Every way in which a request can end without media.
 *
 * A failure is a value: functions return `T | Failure`. The table below is the only place that knows what
 * the client is told; `detail` is for the operator's log and never leaves the service, because a refusal
 * that explains itself to a stranger explains the store, the network and the keys.
 */

/** What the client sees for each failure: status and one short phrase (contract, section 9). */
const FAILURES = {
  'bad-request': [400, 'Bad Request'],
  undecodable: [400, 'Bad Request'],
  'address-refused': [400, 'Bad Request'],
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
  // Nobody learns whether there is such an object.
  'attachment-refused': [404, 'Not Found'],
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

/** An expected failure. `detail` is for the log; `headers` (lower-case names) go to the client with it. */
export interface Failure {
  /** What tells a failure from everything that a function hopes to give: no other type has `ok: false` with a code. */
  readonly ok: false
  readonly code: FailureCode
  readonly detail?: string
  /** What the operator can do about it, where that is known; like `detail`, never for the client. */
  readonly fix?: string
  readonly headers?: Readonly<Record<string, string>>
  /** What of the URL or of the file was refused, for whoever asked; told where `explainErrors` is on. */
  readonly hint?: { readonly parameter: string; readonly found: string } | { readonly text: string }
}

/** Makes a failure value. */
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

/** A failure whose detail speaks of the request or of the file's own header alone, so that whoever asked may know it. */
export function failOpenly(code: FailureCode, detail: string): Failure {
  return { ...fail(code, detail), hint: { text: detail } }
}

/** Tells a failure from the value that was hoped for. */
export function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'code' in value && 'ok' in value && value.ok === false
}

/** The HTTP status of a failure. */
export function statusOf(failure: Failure): number {
  return FAILURES[failure.code][0]
}

/** The text of a failure's answer, the same for everybody. */
export function phraseOf(failure: Failure): string {
  return FAILURES[failure.code][1]
}

/** All failure codes, for tables in tests and documents. */
export const FAILURE_CODES = Object.keys(FAILURES) as readonly FailureCode[]
