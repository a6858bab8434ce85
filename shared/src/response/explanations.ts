/**
 * The meaning of failures, in one sentence each. The response includes it with `explainErrors`, the
 * playground shows it, and docs/faq.md lists it. The texts reveal nothing about the store, the network or the
 * keys.
 */

import { type FailureCode, phraseOf } from './failure.ts'

/** The meaning of failures about a file or an address. The response includes them with `explainErrors`. */
const SOURCE_EXPLANATIONS = {
  undecodable: 'The file starts like media, but nothing of it can be decoded. It is damaged or truncated.',
  'address-rejected':
    'The service fetches only http and https URLs with the default port, a public address and no user name.',
  'unsupported-format':
    'The content is not a supported image, video or audio format. The file name does not matter.',
  'unsupported-codec': 'The container is supported, but browsers cannot play its codec.',
  'not-visual':
    'The file has no image, or no moving image, to transform. Without parameters it is served unchanged.',
  'too-large-dimensions':
    'The dimensions, or the memory or time for decoding, exceed the limits of the service.',
  'too-many-frames': 'The animation has too many frames. Request a still image.',
  'source-too-large': 'The file is larger than the limit of the service.',
} as const satisfies Partial<Record<FailureCode, string>>

/** The meaning of the other failures, for clients that see only the phrase. */
const PHRASE_EXPLANATIONS: Readonly<Record<string, string>> = {
  'Bad Request': 'A value is invalid, an address is not allowed, or the media cannot be decoded.',
  Unauthorized: 'The signature or the secret is wrong, or the URL has expired.',
  Forbidden: 'The service does not accept this request from your address.',
  'Not Found': 'The object or the route does not exist.',
  'Too Many Requests': 'Too many requests. Wait and try again.',
  'Internal Server Error':
    'The stored file is damaged, or the service has a fault. Search its log for the request id.',
  'Bad Gateway': 'The store or the external server is unreachable, or rejected the request.',
  'Service Unavailable': 'The service is busy or not ready. Try again later.',
  'Gateway Timeout': 'The request took too long.',
}

/** Explanations by phrase. When several failures share a phrase, the explanation is true for all of them. */
export const FAILURE_EXPLANATIONS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(SOURCE_EXPLANATIONS).map(([code, words]) => [
      phraseOf({ ok: false, code: code as FailureCode }),
      words,
    ]),
  ),
  ...PHRASE_EXPLANATIONS,
}

/** Returns the explanation of a failure about a source. Undefined for other failures. */
export function explanationOf(code: FailureCode): string | undefined {
  return Object.hasOwn(SOURCE_EXPLANATIONS, code)
    ? SOURCE_EXPLANATIONS[code as keyof typeof SOURCE_EXPLANATIONS]
    : undefined
}

/** Splits the text of a failure response into its phrase and the explanation after it. */
export function splitExplanation(text: string): { readonly phrase: string; readonly explanation: string } {
  const phrase =
    Object.keys(FAILURE_EXPLANATIONS)
      .filter((known) => text === known || text.startsWith(`${known}: `))
      .toSorted((a, b) => b.length - a.length)[0] ?? text
  return { phrase, explanation: text.slice(phrase.length + 2) }
}
