/** What lies in a local store, as the URLs it is reached by. */

import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { IMAGE_ROUTES } from '@media-proxy/shared/request/media-request.ts'
import { encodeKey } from '@media-proxy/shared/request/object-key.ts'

export const MAX_OBJECTS = 500
/** Folders that are looked into: a store of millions of objects must not hold up a page. */
const MAX_FOLDERS = 2000
const MAX_DEPTH = 8

/** Up to 500 paths of objects, those first that lie nearest to the bucket's root. */
export async function listObjectPaths(bucketFolder: string): Promise<readonly string[]> {
  const paths: string[] = []
  const folders: { readonly key: string; readonly depth: number }[] = [{ key: '', depth: 0 }]
  for (const { key: folder, depth } of folders) {
    for (const { name, isFolder } of await entriesOf(join(bucketFolder, folder))) {
      const key = folder === '' ? name : `${folder}/${name}`
      if (isFolder) {
        if (depth < MAX_DEPTH && folders.length < MAX_FOLDERS) folders.push({ key, depth: depth + 1 })
        continue
      }
      const path = pathOfKey(key)
      if (path !== undefined) paths.push(path)
      if (paths.length === MAX_OBJECTS) return paths
    }
  }
  return paths
}

/** The path that answers an object; undefined where none does. */
export function pathOfKey(key: string): string | undefined {
  const [first = '', ...rest] = key.split('/')
  switch (first) {
    case 'attachments':
      return rest.length > 0 ? `/${encodeKey(key)}` : undefined
    case 'themes':
    case 'entrance-sounds':
      return `/${encodeKey(key)}`
    case 'emojis':
    case 'stickers':
      return rest.length === 1 ? `/${encodeKey(withExtension(key))}` : undefined
    case 'guilds':
      return rest.length === 5 ? `/${encodeKey(withExtension(key))}` : undefined
    default:
      return ASSET_FOLDERS.has(first) && rest.length === 2 ? `/${encodeKey(withExtension(key))}` : undefined
  }
}

const ASSET_FOLDERS: ReadonlySet<string> = new Set(IMAGE_ROUTES)

/** Assets lie without an extension, or with one as the fallback key has it. */
function withExtension(key: string): string {
  return /\.[a-z]{3,4}$/.test(key) ? key : `${key}.webp`
}

async function entriesOf(folder: string): Promise<readonly { name: string; isFolder: boolean }[]> {
  const entries: { name: string; isFolder: boolean }[] = []
  try {
    for await (const entry of await opendir(folder)) {
      if (entry.name.startsWith('.') || entry.name.endsWith('.part')) continue
      if (entry.isDirectory() || entry.isFile()) {
        entries.push({ name: entry.name, isFolder: entry.isDirectory() })
      }
      if (entries.length > MAX_OBJECTS) break
    }
  } catch (error) {
    // A folder that is gone or locked has nothing to show.
    if (!(error instanceof Error && 'code' in error)) throw error
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}
