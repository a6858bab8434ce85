/** What a refusal tells whoever builds URLs (`explainErrors`): the parameter, what was found, and what it takes. */

import { type Failure, phraseOf } from '../response/failure.ts'
import { failureResponse } from '../response/headers.ts'
import { PARAMETER_GUIDE, type ParameterValues } from './parameter-guide.ts'

/** Longest value that is repeated, in characters. */
const SHOWN_VALUE = 40

/** The refusal with its explanation behind the phrase; undefined where there is nothing to explain. */
export function explainedResponse(failure: Failure, requestId: string): Response | undefined {
  const { hint } = failure
  if (hint === undefined) return undefined
  const text = `${phraseOf(failure)}: ${'parameter' in hint ? explainParameter(hint) : hint.text}`
  const { headers } = failureResponse(failure, requestId)
  headers.set('content-length', String(new TextEncoder().encode(text).length))
  return new Response(text, { status: 400, headers })
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
  const shown = encodeURIComponent(found.toWellFormed().slice(0, SHOWN_VALUE))
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
