/** Lists the objects of a local store as the URLs that serve them. */

import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { IMAGE_ROUTES } from '@media-proxy/shared/request/media-request.ts'
import { encodeKey } from '@media-proxy/shared/request/object-key.ts'

export const MAX_OBJECTS = 500
/** The maximum number of folders to read, so that a store of millions of objects does not delay the page. */
const MAX_FOLDERS = 2000
const MAX_DEPTH = 8

/** Returns up to 500 paths of objects, those closest to the root of the bucket first. */
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

/** Returns the path that serves an object. Undefined when there is none. */
function pathOfKey(key: string): string | undefined {
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

/** Assets are stored without an extension, or with one as in the fallback key. */
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
    // A folder that was removed or cannot be read is treated as empty.
    if (!(error instanceof Error && 'code' in error)) throw error
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}
