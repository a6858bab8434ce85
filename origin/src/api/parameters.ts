/** Describes query parameters in OpenAPI. They are made from the parameter guide, and so from the grammar. */

import {
  PARAMETER_GUIDE,
  type ParameterGuide,
  type ParameterValues,
} from '@media-proxy/shared/request/parameter-guide.ts'
import { ASSET_SIZES } from '@media-proxy/shared/request/parameters.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description?: string
  readonly schema: JsonSchema
  readonly example?: unknown
}

const SECONDS = '[0-9]{1,7}(\\.[0-9]{1,9})?'

export type Family = 'asset' | 'transformation'

/** A reference to a parameter that is described once, in the components. */
export interface ParameterReference {
  readonly $ref: string
}

/**
 * Returns references to the parameters of a family of URLs. `presets` is the same as for `familyParameters`.
 */
export function queryParameters(
  family: Family,
  presets: readonly string[] | undefined,
): readonly ParameterReference[] {
  return Object.keys(familyParameters(family, presets)).map((name) => ({
    $ref: `#/components/parameters/${name}`,
  }))
}

/**
 * Returns the parameters of a family of URLs. `presets` are the names of the configured presets. Undefined
 * for a description that is independent of a configuration.
 */
export function familyParameters(
  family: Family,
  presets: readonly string[] | undefined,
): Readonly<Record<string, Parameter>> {
  return Object.fromEntries(
    PARAMETER_GUIDE.filter(({ on }) => on === family || on === 'both')
      .filter(({ name }) => name !== 'preset' || presets?.length !== 0)
      .map((guide) => [`${family}-${guide.name}`, parameterOf(guide, family, presets)]),
  )
}

function parameterOf(
  guide: ParameterGuide,
  family: Family,
  presets: readonly string[] | undefined,
): Parameter {
  const isKnownPreset = guide.name === 'preset' && presets !== undefined
  return {
    name: guide.name,
    in: 'query',
    description: `${guide.summary} Default: ${guide.defaultText}.`,
    schema: isKnownPreset ? { type: 'string', enum: presets } : schemaOf(guide, family),
  }
}

function schemaOf({ name, values }: ParameterGuide, family: Family): JsonSchema {
  // A value between two sizes counts as the next larger one,
  // and a value above the largest counts as the largest.
  if (name === 'size') return { type: 'number', minimum: 0, examples: ASSET_SIZES }
  return name === 'format' && family === 'asset'
    ? schemaOfValues(values, (value) => !CLIPS.includes(value))
    : schemaOfValues(values)
}

/** Clip formats are for videos and animations with audio, which assets never are. */
const CLIPS = ['mp4', 'webm']

function schemaOfValues(
  values: ParameterValues,
  isTaken: (value: string) => boolean = () => true,
): JsonSchema {
  switch (values.kind) {
    case 'choice': {
      const taken = values.of.filter(isTaken)
      const isNumeric = taken.every((value) => Number.isFinite(Number(value)))
      return isNumeric ? { type: 'number', enum: taken.map(Number) } : { type: 'string', enum: taken }
    }
    case 'number':
      return { type: 'integer', minimum: values.min, maximum: values.max }
    case 'quality':
      return {
        anyOf: [
          { type: 'string', enum: values.names },
          { type: 'integer', minimum: values.min, maximum: values.max },
        ],
      }
    case 'flag':
      return { type: 'string', enum: ['true', 'false', '1', '0'] }
    case 'text':
      return { type: 'string', pattern: values.pattern, examples: values.examples }
    case 'time':
      return {
        type: 'string',
        pattern: `^(${SECONDS}|(100|[1-9]?[0-9])%|best)$`,
        examples: ['1.5', '50%', 'best'],
      }
    case 'seconds':
      // At least one hundredth.
      return {
        type: 'string',
        pattern: '^(0\\.(0[1-9][0-9]{0,7}|[1-9][0-9]{0,8})|[1-9][0-9]{0,6}(\\.[0-9]{1,9})?)$',
        examples: ['1.5'],
      }
  }
}
