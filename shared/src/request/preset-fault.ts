import { type Failure, isFailure } from '../response/failure.ts'
import { PARAMETER_GUIDE } from './parameter-guide.ts'
import { parseAssetParameters, parseTransformation } from './parameters.ts'

const NEGOTIATION = { accept: null, assets: false }
const ASSET = { format: 'webp', animated: () => false, formats: ['webp'], negotiates: false } as const

/** Describes what is wrong with the query of a preset. Undefined when it is valid. */
export function presetFault(text: string): string | undefined {
  const query = new URLSearchParams(text)
  if (query.size === 0) return 'no parameters'
  for (const name of query.keys())
    if (name === 'preset' || !PARAMETER_GUIDE.some((parameter) => parameter.name === name))
      return `${name} is no parameter`
  return (
    rejectedOf(parseAssetParameters(query, ASSET, NEGOTIATION)) ??
    rejectedOf(parseTransformation(query, NEGOTIATION))
  )
}

function rejectedOf(parsed: object | Failure): string | undefined {
  return isFailure(parsed) ? parsed.detail : undefined
}
