/**
 * What a refusal tells whoever asked (`explainErrors`): the parameter, what was found and what it takes; or what of a
 * file or an address is not taken.
 */

import { type Failure, phraseOf } from '../response/failure.ts'
import { failureResponse } from '../response/headers.ts'
import { sourceWords } from '../response/refusal-words.ts'
import { PARAMETER_GUIDE, type ParameterValues } from './parameter-guide.ts'

/** Longest value that is repeated, in characters. */
const SHOWN_VALUE = 40

/** The refusal with its explanation behind the phrase; undefined where there is nothing to explain. */
export function explainedResponse(failure: Failure, requestId: string): Response | undefined {
  const explanation = explain(failure)
  if (explanation === undefined) return undefined
  const text = `${phraseOf(failure)}: ${explanation}`
  const { headers, status } = failureResponse(failure, requestId)
  headers.set('content-length', String(new TextEncoder().encode(text).length))
  return new Response(text, { status, headers })
}

/** What the log says of a failure: its own detail, or what is told of the URL. */
export function detailOf({ detail, hint }: Failure): string | undefined {
  if (hint === undefined) return detail
  return 'parameter' in hint ? explainParameter(hint) : (detail ?? hint.text)
}

function explain({ code, hint }: Failure): string | undefined {
  if (hint !== undefined && 'parameter' in hint) return explainParameter(hint)
  const words = sourceWords(code)
  if (hint === undefined || words === undefined) return hint?.text ?? words
  return `${hint.text}. ${words}`
}

function explainParameter({
  parameter,
  found,
}: {
  readonly parameter: string
  readonly found: string
}): string {
  const guide = PARAMETER_GUIDE.find(({ name }) => name === parameter)
  // As it would stand in a URL: nothing of it can pass for something else.
  const shown = encodeURIComponent(found.slice(0, SHOWN_VALUE).toWellFormed())
  const accepted = guide === undefined ? '' : `; it takes ${wordsOf(guide.values)}`
  return `${parameter}=${shown} is no value of ${parameter}${accepted}`
}

/** What a parameter takes, in words. */
export function wordsOf(values: ParameterValues): string {
  switch (values.kind) {
    case 'choice':
      return values.of.join(', ')
    case 'number':
      return `a whole number from ${values.min} to ${values.max} (${values.unit})`
    case 'quality':
      return `${values.names.join(', ')}, or a whole number from ${values.min} to ${values.max}`
    case 'flag':
      return 'true, false, 1 or 0'
    case 'text':
      return values.words
    case 'time':
      return 'seconds such as 1.5, a whole percentage such as 50%, or best'
    case 'seconds':
      return `seconds such as 1.5, at least ${values.min}`
  }
}
