import { describe, expect, it } from 'vitest'
import { encodeBase64Url } from '../encoding/base64url.ts'
import type { VerifiedExternal } from './media-request.ts'
import { parsePurge, resolvedSourceName } from './purge.ts'

const OWN = { publicUrls: ['https://media.example.com'], publicPath: '' }
const purged = (body: object) => parsePurge(JSON.stringify(body), OWN)
const wrap = (url: string) =>
  `https://media.example.com/external/sig/v2/${encodeBase64Url(new TextEncoder().encode(url))}`

describe('a purge', () => {
  it.each(['png', 'apng', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'svg', 'heic', 'jxl', 'PNG'])(
    'of an object stored as .%s also purges the asset without the extension',
    (extension) => {
      const object = `avatars/1/abc.${extension}`
      expect(purged({ object })).toEqual([object, 'avatars/1/abc'])
    },
  )

  it.each(['attachments/1/a.mp4', 'attachments/1.png/a', 'attachments/a', 'avatars/1/abc.'])(
    'of %s purges only that object',
    (object) => {
      expect(purged({ object })).toEqual([object])
    },
  )

  it.each([
    ['https://example.com/a.png#b', ['external//https://example.com/a.png']],
    ['https://media.example.com/attachments/1/a.mov?width=100', ['attachments/1/a.mov']],
    ['https://media.example.com/avatars/1/abc.webp?size=64', ['avatars/1/abc']],
    [wrap('https://example.com/a.png'), ['external//https://example.com/a.png']],
    ['https://media.example.com/_health', ['external//https://media.example.com/_health']],
  ])('of the external URL %s purges its source', (external, names) => {
    expect(purged({ external })).toEqual(names)
    const request = { kind: 'verified-external', url: external.replace(/#.*/, '') } as VerifiedExternal
    expect(resolvedSourceName(request, OWN)).toBe(names[0])
  })
})
