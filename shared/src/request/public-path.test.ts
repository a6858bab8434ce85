import { expect, it } from 'vitest'
import { withoutPublicPath } from './public-path.ts'

it.each([
  ['/media', '/media/avatars/1/a.webp?size=64', '/avatars/1/a.webp?size=64'],
  ['/media', '/avatars/1/a.webp', '/avatars/1/a.webp'],
  ['/media', '/mediathek/a.webp', '/mediathek/a.webp'],
  ['/media', '/media', '/'],
  ['/media', '/media/media/x', '/media/x'],
  ['/a/b', '/a/b/attachments/x%2Fy%20z', '/attachments/x%2Fy%20z'],
  ['/media', '/media//host/x', '//host/x'],
  ['', '/media/x', '/media/x'],
])('the prefix %s is removed from %s', (publicPath, path, inner) => {
  const url = withoutPublicPath(new URL(`https://chat.example.com${path}`), publicPath)
  expect([url.host, url.pathname + url.search]).toEqual(['chat.example.com', inner])
})
