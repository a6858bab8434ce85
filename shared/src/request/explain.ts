/**
 * Explanations of failures for the client (`explainErrors`): either the parameter, the value found and the
 * accepted values, or the reason why a file or an address was rejected.
 */

import { explanationOf } from '../response/explanations.ts'
import { type Failure, phraseOf } from '../response/failure.ts'
import { failureResponse } from '../response/headers.ts'
import { PARAMETER_GUIDE, type ParameterValues } from './parameter-guide.ts'

/** The largest part of a rejected value that the explanation repeats, in characters. */
const SHOWN_VALUE = 40

/**
 * Returns the failure response with the explanation after the phrase. Undefined when there is no explanation.
 */
export function explainedResponse(failure: Failure, requestId: string): Response | undefined {
  const explanation = explain(failure)
  if (explanation === undefined) return undefined
  const text = `${phraseOf(failure)}: ${explanation}`
  const { headers, status } = failureResponse(failure, requestId)
  headers.set('content-length', String(new TextEncoder().encode(text).length))
  return new Response(text, { status, headers })
}

/** Returns the detail of a failure for the log: its own detail, or the explanation about the URL. */
export function detailOf({ detail, hint }: Failure): string | undefined {
  if (hint === undefined) return detail
  return 'parameter' in hint ? explainParameter(hint) : (detail ?? hint.text)
}

function explain({ code, hint }: Failure): string | undefined {
  if (hint !== undefined && 'parameter' in hint) return explainParameter(hint)
  const words = explanationOf(code)
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
  // Percent-encoded, so that no part of the value can be taken for the surrounding text or for markup.
  const shown = encodeURIComponent(found.slice(0, SHOWN_VALUE).toWellFormed())
  const accepted = guide === undefined ? '' : `; accepted: ${wordsOf(guide.values)}`
  return `${parameter}=${shown} is invalid${accepted}`
}

/** Describes the values that a parameter accepts. */
function wordsOf(values: ParameterValues): string {
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
