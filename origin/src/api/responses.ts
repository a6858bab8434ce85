/** What is answered, as OpenAPI tells it: refusals are made of the list of failures. */

import {
  FAILURE_CODES,
  type FailureCode,
  fail,
  phraseOf,
  statusOf,
} from '@media-proxy/shared/response/failure.ts'

type Responses = Readonly<Record<string, object>>

const REQUEST_ID = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } }

/** The answers to failures: one for each status, told of once for all operations. */
export function failures(codes: readonly FailureCode[]): Responses {
  const statuses = codes.map((code) => statusOf(fail(code))).sort((a, b) => a - b)
  return Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: `#/components/responses/Refused${status}` }]),
  )
}

/** What `failures` refers to: each status with every phrase that it can have. */
export function refusals(): Responses {
  const phrases = new Map<number, Set<string>>()
  for (const failure of FAILURE_CODES.map((code) => fail(code))) {
    const known = phrases.get(statusOf(failure)) ?? new Set()
    phrases.set(statusOf(failure), known.add(phraseOf(failure)))
  }
  // Nobody is there to read 499, and 405 is of no method that is described.
  return Object.fromEntries(
    [...phrases]
      .filter(([status]) => status !== 405 && status !== 499)
      .map(([status, texts]) => [`Refused${status}`, refusal(status, [...texts])]),
  )
}

function refusal(status: number, phrases: readonly string[]): object {
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

/** Media of the given types, whole and in part, or nothing where the client has it. */
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
      description: 'The part that `Range` asks for.',
      headers: { ...headers, 'Content-Range': contentRange },
      content,
    },
    '304': { description: 'The client has it: `If-None-Match`, `If-Modified-Since`.', headers },
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

/** What is answered before the service sees a request, at the edge by its platform and without a text. */
export const NEVER_READ: Responses = {
  '414': { $ref: '#/components/responses/NeverRead' },
  '431': { $ref: '#/components/responses/NeverRead' },
}

export const NEVER_READ_RESPONSE = {
  description:
    'The URL (414, at the edge), or it and the headers (431), have more bytes than any server reads: at the origin 128 KiB.',
}

export const HEADERS = {
  RequestId: {
    description: 'The name of the request in the logs: that of the request where it is well-formed.',
    required: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
  },
  ETag: { description: 'Strong; changes with the bytes.', schema: { type: 'string' } },
  CacheControl: {
    description: 'A year and immutable; shorter where a signature expires or a far server says so.',
    schema: { type: 'string' },
  },
  ContentRange: { required: true, schema: { type: 'string' } },
  RetryAfter: { description: 'Whole seconds.', schema: { type: 'integer', minimum: 1 } },
} as const
