/**
 * The meaning of failures, in one sentence each. The response includes it with `explainErrors`, the
 * playground shows it, and docs/faq.md lists it. The texts reveal nothing about the store, the network or the
 * keys.
 */

import { type FailureCode, phraseOf } from './failure.ts'

/** The meaning of failures about a file or an address. The response includes them with `explainErrors`. */
export const SOURCE_EXPLANATIONS = {
  undecodable:
    'The file begins like media, but nothing of it can be decoded: it is damaged, or cut off early.',
  'address-refused':
    'The address is not fetched: http and https on their usual ports, to a public address, without a user name.',
  'unsupported-format':
    'The content is neither an image nor a video nor audio of a kind the service reads, whatever its name says.',
  'unsupported-codec': 'The container is known, but browsers do not play what is coded in it.',
  'not-visual': 'There is no picture, or none that moves: leave out the parameters and the file is streamed.',
  'too-large-dimensions':
    'A side, or the memory or time that decoding takes, is over the limits of the service.',
  'too-many-frames': 'The animation has more frames than the service plays: ask for a still.',
  'source-too-large': 'The file is larger than the service takes.',
} as const satisfies Partial<Record<FailureCode, string>>

/** The meaning of the other failures, for clients that see only the phrase. */
const PHRASE_EXPLANATIONS: Readonly<Record<string, string>> = {
  'Bad Request':
    'A value is not one the service takes, an address is not fetched, or the media cannot be decoded.',
  Unauthorized: 'The signature or the secret is wrong, or the URL has expired.',
  Forbidden: 'The service does not answer this from here.',
  'Not Found': 'There is no such object, or no such route.',
  'Too Many Requests': 'The budget of requests is spent: wait a little.',
  'Internal Server Error':
    'The stored file is broken, or the service has a fault: its log has the request id.',
  'Bad Gateway': 'The store, or the far server, cannot be reached or refused.',
  'Service Unavailable': 'The service is busy or not ready: try again.',
  'Gateway Timeout': 'It took too long.',
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
