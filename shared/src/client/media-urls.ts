import type { ImageRoute } from '../request/media-request.ts'
import { encodeKey } from '../request/object-key.ts'
import { type AssetParameters, serializeQuery, type TransformationParameters } from './parameters.ts'
import { serializePath } from './serialize-path.ts'

/** The folders of images that belong to a user, a guild or another entity. */
export type AssetKind = ImageRoute

/** The extensions of assets. The extension is the response's format when there is no `format`. */
export type AssetFileExtension = 'png' | 'jpg' | 'jpeg' | 'webp' | 'gif' | 'avif'

/** The parameters of an asset, and the extension of its URL (default `webp`). */
export interface AssetUrlOptions extends AssetParameters {
  readonly extension?: AssetFileExtension
}

/**
 * Builds URLs of stored media, without a signature or a request. Each method throws a `RangeError` for a URL
 * that the service would reject.
 */
export interface MediaUrls {
  /** Returns `/avatars/<id>/<hash>.<extension>`, and equally for the other kinds. */
  asset(kind: AssetKind, id: string, hash: string, options?: AssetUrlOptions): string
  /** Returns the URL of the avatar or banner of a member in a guild. */
  memberAsset(
    guildId: string,
    userId: string,
    kind: 'avatars' | 'banners',
    hash: string,
    options?: AssetUrlOptions,
  ): string
  emoji(id: string, options?: AssetUrlOptions): string
  sticker(id: string, options?: AssetUrlOptions): string
  /** `path` is the decoded object key below `attachments/`. */
  attachment(path: string, parameters?: TransformationParameters): string
  /** `id` has 16 lower-case hexadecimal digits. */
  theme(id: string): string
  entranceSound(userId: string, hash: string, extension: 'mp3' | 'ogg' | 'm4a' | 'wav'): string
}

/** Creates a builder. `baseUrl` is the URL of the service for clients, with or without a trailing slash. */
export function createMediaUrls(baseUrl: string): MediaUrls {
  const base = baseUrl.replace(/\/+$/, '')
  const file = (key: string) => base + serializePath(`/${encodeKey(key)}`, '', key)
  const asset = (
    folder: string,
    name: string,
    { extension = 'webp', ...parameters }: AssetUrlOptions = {},
    objectName = name,
  ) =>
    base +
    serializePath(
      `/${encodeKey(`${folder}/${name}`)}.${extension}`,
      serializeQuery(parameters),
      `${folder}/${objectName}`,
    )
  return {
    asset: (kind, id, hash, options) => asset(`${kind}/${id}`, hash, options, unmarked(hash)),
    memberAsset: (guildId, userId, kind, hash, options) =>
      asset(`guilds/${guildId}/users/${userId}/${kind}`, hash, options, unmarked(hash)),
    emoji: (id, options) => asset('emojis', id, options),
    sticker: (id, options) => asset('stickers', id, options),
    attachment: (path, parameters = {}) =>
      base +
      serializePath(`/attachments/${encodeKey(path)}`, serializeQuery(parameters), `attachments/${path}`),
    theme: (id) => file(`themes/${id}.css`),
    entranceSound: (userId, hash, extension) => file(`entrance-sounds/${userId}/${hash}.${extension}`),
  }
}

/** Returns a hash as in the object key, without the `a_` of an animated one. */
function unmarked(hash: string): string {
  return hash.startsWith('a_') ? hash.slice(2) : hash
}
