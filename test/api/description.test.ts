/**
 * The OpenAPI description: the edge and the origin serve
 * it, and its parameters accept what the grammar accepts.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeApi } from '@media-proxy/origin/api/description.ts'
import { FAILURE_CODES, fail, statusOf } from '@media-proxy/shared/response/failure.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'

const ROOT = join(import.meta.dirname, '../..')
const vectors = JSON.parse(readFileSync(join(ROOT, 'clients/vectors.json'), 'utf8'))
const description = describeApi({ version: '1.2.3' })

interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
}

/** Whether a schema accepts the text of a parameter. */
function takes(schema: Schema, text: string): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((one) => takes(one, text))
  if (schema.enum !== undefined) return schema.enum.map(String).includes(text)
  if (schema.pattern !== undefined) return new RegExp(schema.pattern, 'u').test(text)
  const { type, minimum = -Infinity, maximum = Infinity } = schema
  if (type !== 'integer' && type !== 'number') throw new Error(`this test knows no schema of ${type}`)
  const isNumber = type === 'integer' ? /^-?(0|[1-9]\d*)$/ : /^-?(0|[1-9]\d*)(\.\d+)?$/
  return isNumber.test(text) && Number(text) >= minimum && Number(text) <= maximum
}

/** Values that the grammar also accepts without a description: other spellings of a number. */
const TAKEN_BESIDES: Readonly<Record<string, (text: string) => boolean>> = {
  size: (text) => /^0\d+$/.test(text),
  duration: (text) => /^0\d|^0\.0095$/.test(text),
  time: (text) => /^0\d+$/.test(text),
}

describe.each(['asset', 'transformation'] as const)('the parameters of an %s', (family) => {
  const accepted: Readonly<Record<string, readonly string[]>> = vectors.accepted[family]
  const parameters = description.components.parameters

  it.each(Object.keys(accepted))('%s accepts the same values as the grammar', (name) => {
    const schema = parameters[`${family}-${name}`]?.schema as Schema
    for (const text of vectors.values as readonly string[]) {
      const isTaken = accepted[name]?.includes(text) === true
      if (isTaken && TAKEN_BESIDES[name]?.(text)) continue
      expect([text, takes(schema, text)]).toEqual([text, isTaken])
    }
  })
})

it('every reference has a target, and every component is referenced', () => {
  const text = JSON.stringify(description)
  const referred = new Set([...text.matchAll(/"\$ref":"#\/components\/([^"]+)"/g)].map(([, path]) => path))
  const { headers, parameters, responses, schemas } = description.components
  const there = Object.entries({ headers, parameters, responses, schemas }).flatMap(([kind, members]) =>
    Object.keys(members).map((name) => `${kind}/${name}`),
  )
  expect([...referred].sort()).toEqual(there.sort())
})

it('every status that a client can receive is described', () => {
  const described = new Set(
    Object.values(description.paths).flatMap((item) =>
      Object.values(item).flatMap(({ responses }) => Object.keys(responses)),
    ),
  )
  const answered = FAILURE_CODES.map((code) => String(statusOf(fail(code))))
  expect(answered.filter((status) => !described.has(status))).toEqual(['405', '499'])
})

describe.each([
  ['the edge', openEdge],
  ['the origin', openFilesystemOrigin],
] as const)('%s', (_, open) => {
  let service: Service
  let closed: Service
  beforeAll(async () => {
    service = await open({
      MEDIA_PROXY_NODE_ENV: 'development',
      MEDIA_PROXY_PLAYGROUND_ENABLED: 'false',
      MEDIA_PROXY_SECRET_KEY: 'a-secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'edge-secret',
      MEDIA_PROXY_PRESETS: 'tiny:width=10&format=png',
    })
    closed = await open()
  })
  afterAll(async () => {
    await service.close()
    await closed.close()
  })

  it('serves its description in development, with its own presets', async () => {
    const answer = await fetch(`${service.url}/_openapi.json`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    const served = await answer.json()
    expect(Object.keys(served.paths)).toEqual(Object.keys(description.paths))
    expect(served.components.parameters['asset-preset'].schema).toEqual({ type: 'string', enum: ['tiny'] })
  })

  it('does not serve it otherwise, whatever the method', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST'])
      expect((await fetch(`${closed.url}/_openapi.json`, { method })).status, method).toBe(404)
  })
})
