import mime from 'mime'

/** Looks up the media type of a name by its extension. Null when it has none, or an unknown one. */
export function typeOfName(name: string): string | null {
  // Without a slash, the library takes a whole name such as `svg` for an extension.
  return mime.getType(`/${name}`)
}
