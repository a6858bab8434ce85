import { strongEtag } from '@media-proxy/shared/response/conditional.ts'
import { expect, it } from 'vitest'
import { etagOf } from './etag.ts'

it.each([[[]], [['']], [['a', 'b']], [['"source"', 'https://a.example/ü?x=1', '{}', '']]])(
  'of %j is that of both doors',
  async (parts) => {
    expect(etagOf(...parts)).toBe(await strongEtag(...parts))
  },
)
