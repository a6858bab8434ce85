import type { ImageRoute } from '../request/media-request.ts'
import { encodeKey } from '../request/object-key.ts'
import { type AssetParameters, serializeQuery, type TransformationParameters } from './parameters.ts'
import { serializePath } from './serialize-path.ts'

/** Folders of images that belong to somebody or something. */
export type AssetKind = ImageRoute

/** File name extensions of assets: what is answered where no `format` is given. */
export type AssetFileExtension = 'png' | 'jpg' | 'jpeg' | 'webp' | 'gif' | 'avif'

/** An asset's parameters, and the extension its URL ends in (default `webp`). */
export interface AssetUrlOptions extends AssetParameters {
  readonly extension?: AssetFileExtension
}

/** URLs of stored media. Nothing is signed, nothing is asked: these are only built. */
export interface MediaUrls {
  /** `/avatars/<id>/<hash>.<extension>` and its like. All throw a `RangeError` for what the service would refuse. */
  asset(kind: AssetKind, id: string, hash: string, options?: AssetUrlOptions): string
  /** The avatar or banner of a member in one guild. */
  memberAsset(
    guildId: string,
    userId: string,
    kind: 'avatars' | 'banners',
    hash: string,
    options?: AssetUrlOptions,
  ): string
  emoji(id: string, options?: AssetUrlOptions): string
  sticker(id: string, options?: AssetUrlOptions): string
  /** `path` is the object's key below `attachments/`, decoded. */
  attachment(path: string, parameters?: TransformationParameters): string
  /** `id`: 16 lower-case hexadecimal digits. */
  theme(id: string): string
  entranceSound(userId: string, hash: string, extension: 'mp3' | 'ogg' | 'm4a' | 'wav'): string
}

/** `baseUrl`: where clients reach the service, with or without a slash at its end. */
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

/** The hash as the object's key has it: without the mark of an animated one. */
function unmarked(hash: string): string {
  return hash.startsWith('a_') ? hash.slice(2) : hash
}
