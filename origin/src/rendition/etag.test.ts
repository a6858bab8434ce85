import { strongEtag } from '@media-proxy/shared/response/conditional.ts'
import { expect, it } from 'vitest'
import { etagOf } from './etag.ts'

it.each([[[]], [['']], [['a', 'b']], [['"source"', 'https://a.example/ü?x=1', '{}', '']]])(
  'for %j is the same at the edge and the origin',
  async (parts) => {
    expect(etagOf(...parts)).toBe(await strongEtag(...parts))
  },
)
