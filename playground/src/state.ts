/** The state of the page, and how it is encoded in the address bar. */

import { PARAMETER_GUIDE, type ParameterGuide } from '@media-proxy/shared/request/parameter-guide.ts'

export interface State {
  /** A path of the store, or an external http or https URL. */
  readonly source: string
  /** The values as in the query. A parameter that is not set is absent. */
  readonly parameters: Readonly<Record<string, string>>
}

export const FIRST_STATE: State = {
  source: '/attachments/1/1/coffee.jpg',
  parameters: { width: '480', format: 'webp' },
}

export type Family = 'asset' | 'transformation' | 'file'

export function isExternal(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

/** Returns the family of a source, which determines its parameters. */
export function familyOf(source: string): Family {
  if (isExternal(source) || source.startsWith('/attachments/') || source.startsWith('/external/')) {
    return 'transformation'
  }
  return /^\/(themes|entrance-sounds)\//.test(source) ? 'file' : 'asset'
}

export function parametersOf(family: Family): readonly ParameterGuide[] {
  return PARAMETER_GUIDE.filter(({ on }) => family !== 'file' && (on === 'both' || on === family))
}

/**
 * Returns the query with only the parameters that apply to the source. Parameters that were set for another
 * kind of source are kept in the state but not sent.
 */
export function queryOf({ source, parameters }: State): string {
  const query = new URLSearchParams()
  for (const { name } of parametersOf(familyOf(source))) {
    const value = parameters[name]
    if (value !== undefined) query.set(name, value)
  }
  // Everything is percent-encoded, even where the service does
  // not require it: the URL is pasted into shells and pages.
  return query.toString()
}

export function readHash(hash: string): State | undefined {
  const entries = new URLSearchParams(hash.replace(/^#/, ''))
  const source = entries.get('source')
  if (source === null || !(isExternal(source) || source.startsWith('/'))) return undefined
  const known = PARAMETER_GUIDE.flatMap(({ name }) => {
    const value = entries.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return { source, parameters: Object.fromEntries(known) }
}

export function serializeHash(state: State): string {
  return `#${new URLSearchParams({ source: state.source, ...state.parameters })}`
}

/** Returns a path with the query of a state. `base` is the path of the source, signed if it is external. */
export function urlOf(base: string, state: State): string {
  return withQuery(base, queryOf(state))
}

export function withQuery(base: string, query: string): string {
  if (query === '') return base
  return base + (base.includes('?') ? '&' : '?') + query
}
