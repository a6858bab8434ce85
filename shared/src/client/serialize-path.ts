import { type ObjectKey, toObjectKey } from '../request/object-key.ts'
import { parseRequest } from '../request/parse.ts'
import { PRESET_NAME } from '../request/presets.ts'
import { isFailure } from '../response/failure.ts'

/**
 * Returns a path with its query after checking it with the service's own grammar. `key` is the object that
 * the URL must name: a name with `..` or an extra slash must not lead to another object. Throws a
 * `RangeError` for a URL that the service would reject.
 */
export function serializePath(path: string, query: string, key?: string): string {
  const url = new URL(path + query, 'https://media.invalid')
  const parsed = parseRequest(url, { accept: null, assets: false, presetOf: anyPreset })
  if (isFailure(parsed)) {
    throw new RangeError(`the service would reject this URL: ${parsed.detail ?? 'no such route'}`)
  }
  if (key !== undefined && (!('key' in parsed) || parsed.key !== objectKey(key))) {
    throw new RangeError('a name that would lead to another object')
  }
  return path + query
}

/** Accepts every well-formed preset name, because only the service knows its presets. */
export function anyPreset(name: string): string | undefined {
  return PRESET_NAME.test(name) ? '' : undefined
}

function objectKey(key: string): ObjectKey | undefined {
  const objectKey = toObjectKey(key)
  return isFailure(objectKey) ? undefined : objectKey
}
