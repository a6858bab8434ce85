/**
 * Sample values of the parameters, for tests against the grammar of the service: values that it accepts, and
 * values that it rejects.
 */

import { anyPreset } from '@media-proxy/shared/client/serialize-path.ts'
import {
  PARAMETER_GUIDE,
  type ParameterGuide,
  type ParameterValues,
} from '@media-proxy/shared/request/parameter-guide.ts'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'

export type Value = string | number | boolean
export type Parameters = Readonly<Record<string, Value>>

const ANY_BASE = 'https://media.example.com'

/** Texts that are similar to values of some parameter. */
const INVALID_VALUES = [
  ...[
    '',
    ' ',
    '0',
    '1',
    '-1',
    '+1',
    '01',
    '1.5',
    '1.',
    '.5',
    '1e2',
    '0x10',
    '1 ',
    '1\n',
    '١',
    'NaN',
    'Infinity',
  ],
  ...[
    '100',
    '101',
    '65',
    '16.5',
    '99999999',
    '100000000',
    '99999999999',
    '0%',
    '100%',
    '101%',
    '1.5%',
    'best',
  ],
  ...[
    'true',
    'false',
    'TRUE',
    'yes',
    'Cover',
    'webp',
    'WEBP',
    'svg',
    'apng',
    'mp4',
    'auto',
    'highest',
    '2.0',
  ],
  ...['0.009', '0.0095', '0.01', '9999999', '10000000', '1.123456789', '1.1234567891', 'a b', 'ä'],
  ...['0,0,0.5', '0,0,99999,1', '0,0,100000,1', '0,1.0,1,1', '0.9999,0,1,1', '0,0,0.0,1', '0, 0, 1, 1'],
  ...['1000,1000', '1001,0', '1,,2', '10x11', '1x', 'ff00zz', `${'a'.repeat(40)}`, `${'a'.repeat(41)}`],
]

/** All texts to test for each parameter. */
export const VALUES = [
  ...new Set([...PARAMETER_GUIDE.flatMap(({ values }) => acceptedTexts(values)), ...INVALID_VALUES]),
]

/** Returns the texts that the service accepts for each parameter of a family. It rejects the others. */
export function acceptedValues(
  family: 'asset' | 'transformation',
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    parametersOf(family).map(({ name }) => [name, VALUES.filter((text) => isAccepted(family, name, text))]),
  )
}

function parametersOf(family: 'asset' | 'transformation'): readonly ParameterGuide[] {
  return PARAMETER_GUIDE.filter(({ on }) => on === family || on === 'both')
}

function isAccepted(family: 'asset' | 'transformation', name: string, value: string): boolean {
  const url = new URL(family === 'asset' ? '/avatars/1/abc.webp' : '/attachments/1/abc.png', ANY_BASE)
  url.searchParams.set(name, value)
  return !isFailure(parseRequest(url, { accept: null, assets: false, presetOf: anyPreset }))
}

function acceptedTexts(values: ParameterValues): readonly string[] {
  switch (values.kind) {
    case 'choice':
      return values.of
    case 'number':
      return [values.min - 1, values.min, values.max, values.max + 1].map(String)
    case 'quality':
      return [...values.names, ...[values.min - 1, values.min, values.max, values.max + 1].map(String)]
    case 'text':
      return [...values.examples, ...values.invalidExamples]
    case 'flag':
      return ['true', 'false', '1', '0']
    case 'seconds':
    case 'time':
      return ['0', '1.5', '12.345', '50%']
  }
}

/** One value of each parameter. The guide declares which of them apply to assets and which to other media. */
const SAMPLES: Parameters = {
  size: 64,
  width: 400,
  height: 300,
  fit: 'inside',
  gravity: 'face',
  format: 'avif',
  quality: '75',
  animated: true,
  dpr: 1.5,
  blur: 8,
  crop: '0.25,0,0.5,1',
  trim: true,
  rotate: 90,
  flip: 'h',
  pad: '5,20',
  background: 'f59e0b',
  sharpen: 2,
  maxbytes: 20_000,
  time: '75%',
  duration: 2.5,
  fps: 12,
  sprite: '4x3',
  audio: false,
  preset: 'thumb',
  download: true,
}

/** Returns the parameters in the order of the guide. */
export function inOrder(parameters: Parameters): Parameters {
  const names = Object.keys(parameters)
  const sorted = PARAMETER_GUIDE.map(({ name }) => name).filter((name) => names.includes(name))
  return Object.fromEntries(sorted.map((name) => [name, sample(parameters, name)]))
}

function sample(parameters: Parameters, name: string): Value {
  const value = parameters[name]
  if (value === undefined) throw new Error(`the vectors need a value of the parameter ${name}`)
  return value
}

export function samplesOf(
  family: 'asset' | 'transformation',
): readonly (readonly [name: string, value: Value])[] {
  return parametersOf(family).map(({ name }) => [name, sample(SAMPLES, name)] as const)
}
