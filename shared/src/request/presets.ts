/**
 * Named parameters (contract, section 2): `preset=thumb` stands for the parameters that the configuration
 * gives that name. With `presetsOnly`, they limit the number of renditions that unsigned URLs can request.
 */

import { type Failure, fail } from '../response/failure.ts'
import { PARAMETER_GUIDE, PRESET_NAME_PATTERN } from './parameter-guide.ts'
import type { PresetRules } from './preset-rules.ts'

export const PRESET_NAME = new RegExp(PRESET_NAME_PATTERN)

/**
 * Replaces `preset` with its parameters. Parameters of the query take precedence over those of the preset.
 * Fails with `bad-request` for an unknown preset, and for a parameter that `presetsOnly` does not allow.
 */
export function expandPreset(
  query: URLSearchParams,
  { presetOf, presetsOnly }: PresetRules,
): URLSearchParams | Failure {
  const rejected = presetsOnly ? RENDITION_PARAMETERS.find((name) => query.has(name)) : undefined
  if (rejected !== undefined) {
    const hint = { text: 'only presets are accepted here, such as ?preset=<name>' }
    return { ...fail('bad-request', `the parameter ${rejected} is not allowed: only presets are`), hint }
  }
  const name = query.get('preset')
  if (name === null) return query
  const parameters = presetOf?.(name)
  if (parameters === undefined)
    return { ...fail('bad-request', 'no such preset'), hint: { parameter: 'preset', found: name } }
  return new URLSearchParams([...query, ...new URLSearchParams(parameters)])
}

/** The parameters that select a different rendition. `download` does not change the rendition. */
const RENDITION_PARAMETERS = PARAMETER_GUIDE.map(({ name }) => name).filter(
  (name) => name !== 'preset' && name !== 'download',
)
