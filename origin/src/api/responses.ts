/** Describes responses in OpenAPI. The rejections are made from the list of failures. */

import {
  FAILURE_CODES,
  type FailureCode,
  fail,
  phraseOf,
  statusOf,
} from '@media-proxy/shared/response/failure.ts'

type Responses = Readonly<Record<string, object>>

const REQUEST_ID = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } }

/** Returns references to the responses of failures, one per status. */
export function failures(codes: readonly FailureCode[]): Responses {
  const statuses = codes.map((code) => statusOf(fail(code))).sort((a, b) => a - b)
  return Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: `#/components/responses/Rejected${status}` }]),
  )
}

/** Returns the responses to which `failures` refers: each status with all its phrases. */
export function rejections(): Responses {
  const phrases = new Map<number, Set<string>>()
  for (const failure of FAILURE_CODES.map((code) => fail(code))) {
    const known = phrases.get(statusOf(failure)) ?? new Set()
    phrases.set(statusOf(failure), known.add(phraseOf(failure)))
  }
  // No client reads 499, and 405 belongs to methods that are not described.
  return Object.fromEntries(
    [...phrases]
      .filter(([status]) => status !== 405 && status !== 499)
      .map(([status, texts]) => [`Rejected${status}`, rejection(status, [...texts])]),
  )
}

function rejection(status: number, phrases: readonly string[]): object {
  return {
    description: phrases.join('; '),
    headers: {
      ...REQUEST_ID,
      ...(status === 429 || status === 503
        ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } }
        : {}),
    },
    content: { 'text/plain': { schema: { type: 'string' }, example: phrases[0] } },
  }
}

/** Describes media of the given types: whole, in part, or 304 when the client has them. */
export function media(description: string, types: readonly string[]): Responses {
  const headers = {
    ...REQUEST_ID,
    ETag: { $ref: '#/components/headers/ETag' },
    'Cache-Control': { $ref: '#/components/headers/CacheControl' },
  }
  const content = Object.fromEntries(types.map((type) => [type, {}]))
  const contentRange = { $ref: '#/components/headers/ContentRange' }
  return {
    '200': { description, headers, content },
    '206': {
      description: 'The part that `Range` requests.',
      headers: { ...headers, 'Content-Range': contentRange },
      content,
    },
    '304': {
      description: 'The copy of the client is current, by `If-None-Match` or `If-Modified-Since`.',
      headers,
    },
  }
}

export function json(status: string, description: string, schema: string): Responses {
  return {
    [status]: {
      description,
      headers: REQUEST_ID,
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
    },
  }
}

export function text(status: string, description: string, example: string): Responses {
  return {
    [status]: {
      description,
      headers: REQUEST_ID,
      content: { 'text/plain': { schema: { type: 'string' }, example } },
    },
  }
}

/**
 * Responses that are sent before the service sees the request.
 * At the edge they come from the platform, without a text.
 */
export const NEVER_READ: Responses = {
  '414': { $ref: '#/components/responses/NeverRead' },
  '431': { $ref: '#/components/responses/NeverRead' },
}

export const NEVER_READ_RESPONSE = {
  description:
    'The URL (414, at the edge), or the URL and the headers (431), are larger than the server accepts: 128 KiB at the origin.',
}

export const HEADERS = {
  RequestId: {
    description:
      'The id of the request in the logs. The `X-Request-Id` of the request is used if it is well-formed.',
    required: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
  },
  ETag: { description: 'A strong ETag that changes with the bytes.', schema: { type: 'string' } },
  CacheControl: {
    description: 'A year and immutable, or shorter if a signature expires or an external server requires it.',
    schema: { type: 'string' },
  },
  ContentRange: { required: true, schema: { type: 'string' } },
  RetryAfter: { description: 'The time to wait, in whole seconds.', schema: { type: 'integer', minimum: 1 } },
} as const
