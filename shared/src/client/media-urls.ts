import { encodeKey } from '../request/object-key.ts'
import { type AssetParameters, spellQuery, type TransformationParameters } from './parameters.ts'

/** Folders of images that belong to somebody or something. */
export type AssetKind =
  | 'avatars'
  | 'icons'
  | 'banners'
  | 'splashes'
  | 'embed-splashes'
  | 'discovery-splashes'
  | 'branding'

/** File name extensions of assets: what is answered where no `format` is given. */
export type AssetFileExtension = 'png' | 'jpg' | 'jpeg' | 'webp' | 'gif' | 'avif'

/** An asset's parameters, and the extension its URL ends in (default `webp`). */
export interface AssetUrlOptions extends AssetParameters {
  readonly extension?: AssetFileExtension
}

/** URLs of stored media. Nothing is signed, nothing is asked: these are only spelled. */
export interface MediaUrls {
  /** `/avatars/<id>/<hash>.<extension>` and its like. */
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
  theme(id: string): string
  entranceSound(userId: string, hash: string, extension: 'mp3' | 'ogg' | 'm4a' | 'wav'): string
}

/** `baseUrl`: where clients reach the service, with or without a slash at its end. */
export function createMediaUrls(baseUrl: string): MediaUrls {
  const base = baseUrl.replace(/\/+$/, '')
  const asset = (folder: string, name: string, { extension = 'webp', ...parameters }: AssetUrlOptions = {}) =>
    `${base}/${encodeKey(`${folder}/${name}`)}.${extension}${spellQuery(parameters)}`
  return {
    asset: (kind, id, hash, options) => asset(`${kind}/${id}`, hash, options),
    memberAsset: (guildId, userId, kind, hash, options) =>
      asset(`guilds/${guildId}/users/${userId}/${kind}`, hash, options),
    emoji: (id, options) => asset('emojis', id, options),
    sticker: (id, options) => asset('stickers', id, options),
    attachment: (path, parameters = {}) => `${base}/attachments/${encodeKey(path)}${spellQuery(parameters)}`,
    theme: (id) => `${base}/themes/${encodeURIComponent(id)}.css`,
    entranceSound: (userId, hash, extension) =>
      `${base}/${encodeKey(`entrance-sounds/${userId}/${hash}.${extension}`)}`,
  }
}
