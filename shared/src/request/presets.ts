/**
 * Named parameters (contract, section 2): `preset=thumb` stands for what the configuration says of that name. Taken for
 * themselves, they close the endless spellings of unsigned URLs.
 */

import { type Failure, fail } from '../response/failure.ts'
import { PARAMETER_GUIDE, PRESET_NAME_PATTERN } from './parameter-guide.ts'

export const PRESET_NAME = new RegExp(PRESET_NAME_PATTERN)

export interface PresetRules {
  /** The query of a preset; undefined where there is none of that name. Without it there is none of any name. */
  readonly presetOf?: (name: string) => string | undefined
  /** Nothing but a preset is taken of all that would make another rendition. */
  readonly presetsOnly?: boolean
}

/** The rules that a configuration sets. */
export function presetRules({
  presets,
  presetsOnly,
}: {
  readonly presets: Readonly<Record<string, string>>
  readonly presetsOnly: boolean
}): PresetRules {
  return { presetOf: (name) => (Object.hasOwn(presets, name) ? presets[name] : undefined), presetsOnly }
}

/**
 * The query with the parameters of its preset, which those that stand beside it precede. Fails with `bad-request` for an
 * unknown preset, and for what is not taken beside one.
 */
export function expandPreset(
  query: URLSearchParams,
  { presetOf, presetsOnly }: PresetRules,
): URLSearchParams | Failure {
  const refused = presetsOnly ? MAKES_ANOTHER.find((name) => query.has(name)) : undefined
  if (refused !== undefined) {
    const hint = { text: 'only presets are taken here, such as ?preset=<name>' }
    return { ...fail('bad-request', `the parameter ${refused} beside presets`), hint }
  }
  const name = query.get('preset')
  if (name === null) return query
  const parameters = presetOf?.(name)
  if (parameters === undefined)
    return { ...fail('bad-request', 'no such preset'), hint: { parameter: 'preset', found: name } }
  return new URLSearchParams([...query, ...new URLSearchParams(parameters)])
}

/** A download is the same rendition. */
const MAKES_ANOTHER = PARAMETER_GUIDE.map(({ name }) => name).filter(
  (name) => name !== 'preset' && name !== 'download',
)
