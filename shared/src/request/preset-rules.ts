/** The presets of a configuration (contract, section 2). */

export interface PresetRules {
  /** Returns the query of a preset. Undefined when there is none. Without it, there are no presets. */
  readonly presetOf?: (name: string) => string | undefined
  /** Rejects every parameter other than `preset` that would change the rendition. */
  readonly presetsOnly?: boolean
}

/** Returns the rules of a configuration. */
export function presetRules({
  presets,
  presetsOnly,
}: {
  readonly presets: Readonly<Record<string, string>>
  readonly presetsOnly: boolean
}): PresetRules {
  return { presetOf: (name) => (Object.hasOwn(presets, name) ? presets[name] : undefined), presetsOnly }
}
