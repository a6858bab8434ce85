import { type ObjectKey, toObjectKey } from '../request/object-key.ts'
import { parseRequest } from '../request/parse.ts'
import { PRESET_NAME } from '../request/presets.ts'
import { isFailure } from '../response/failure.ts'

/**
 * A path with its query that the service accepts, checked by the service's own grammar: what it would refuse is never
 * handed out. `key`, where the URL is to name an object: a name with `..` or a slash too many must not name another.
 * Throws a `RangeError`.
 */
export function serializePath(path: string, query: string, key?: string): string {
  const url = new URL(path + query, 'https://media.invalid')
  const parsed = parseRequest(url, { accept: null, assets: false, presetOf: anyPreset })
  if (isFailure(parsed)) {
    throw new RangeError(`the service would refuse this URL: ${parsed.detail ?? 'no such route'}`)
  }
  if (key !== undefined && (!('key' in parsed) || parsed.key !== objectKey(key))) {
    throw new RangeError('a name that would lead to another object')
  }
  return path + query
}

/** Only the service knows its presets. */
export function anyPreset(name: string): string | undefined {
  return PRESET_NAME.test(name) ? '' : undefined
}

function objectKey(key: string): ObjectKey | undefined {
  const objectKey = toObjectKey(key)
  return isFailure(objectKey) ? undefined : objectKey
}
