import { describe, expect, it } from 'vitest'
import { isFailure } from '../response/failure.ts'
import { PARAMETER_GUIDE, type ParameterGuide } from './parameter-guide.ts'
import { parseRequest } from './parse.ts'
import { presetRules } from './preset-rules.ts'

const ASSET = 'https://media.example.com/avatars/1/abc.webp'
const ATTACHMENT = 'https://media.example.com/attachments/1/abc.webp'
const NEGOTIATION = {
  accept: null,
  assets: false,
  ...presetRules({ presets: { thumb: 'size=64&width=96&height=96' }, presetsOnly: false }),
}

const accepts = (base: string, query: string) =>
  !isFailure(parseRequest(new URL(`${base}?${query}`), NEGOTIATION))

describe('the parameter guide', () => {
  it.each(['asset', 'transformation'] as const)(
    'lists exactly the parameters in the grammar of an %s',
    (on) => {
      const read = new Set<string>()
      const url = new URL(on === 'asset' ? ASSET : ATTACHMENT)
      const get = url.searchParams.get.bind(url.searchParams)
      url.searchParams.get = (name) => {
        read.add(name)
        return get(name)
      }
      parseRequest(url, NEGOTIATION)
      const named = PARAMETER_GUIDE.filter((parameter) => parameter.on === on || parameter.on === 'both')
      expect(named.map(({ name }) => name).sort()).toEqual([...read].sort())
    },
  )

  it.each(PARAMETER_GUIDE)(
    'has accepted values for $name, and the values next to them are rejected',
    (parameter) => {
      const base = parameter.on === 'asset' ? ASSET : ATTACHMENT
      for (const value of valuesOf(parameter)) {
        expect(accepts(base, `${parameter.name}=${encodeURIComponent(value)}`), value).toBe(true)
      }
      for (const value of unknownNamesOf(parameter)) {
        expect(accepts(base, `${parameter.name}=${encodeURIComponent(value)}`), value).toBe(false)
      }
      expect(accepts(base, parameter.example)).toBe(true)
      if (parameter.values.kind !== 'text') return
      const pattern = new RegExp(parameter.values.pattern, 'u')
      for (const value of parameter.values.examples) expect(value).toMatch(pattern)
      // Only the configuration decides which preset names are invalid.
      if (parameter.name === 'preset') return
      for (const value of parameter.values.invalidExamples) expect(value).not.toMatch(pattern)
    },
  )
})

function valuesOf({ values }: ParameterGuide): readonly string[] {
  switch (values.kind) {
    case 'choice':
      return values.of
    case 'number':
      return [String(values.min), String(values.max)]
    case 'quality':
      return [...values.names, String(values.min), String(values.max)]
    case 'flag':
      return ['true', 'false']
    case 'text':
      return values.examples
    case 'time':
      return ['0', '1.5', '0%', '100%', 'best']
    case 'seconds':
      return [String(values.min), '1.5', '30']
  }
}

function unknownNamesOf({ values }: ParameterGuide): readonly string[] {
  switch (values.kind) {
    case 'number':
    case 'quality':
      return ['', 'x', String(values.min - 1), String(values.max + 1), `${values.min}.5`]
    case 'text':
      return ['', 'x', ...values.invalidExamples]
    case 'time':
      return ['', '-1', '101%', '1.5%', 'BEST', 'worst']
    case 'seconds':
      return ['', '-1', '0', '50%', String(values.min / 10)]
    default:
      return ['', 'x', 'TRUE']
  }
}
