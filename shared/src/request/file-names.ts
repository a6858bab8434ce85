/** The file names and ids in URLs, as sources of regular expressions for the grammar and its description. */

import { ASSET_EXTENSIONS } from '../formats.ts'

/** The id of a user, a guild, an emoji or a sticker. */
export const ID_PATTERN = '[A-Za-z0-9_-]{1,64}'
/** The hash in the name of an asset, including the prefix of an animated one. */
export const HASH_PATTERN = '[A-Za-z0-9_]{1,100}'
/** The file name of a theme. */
export const THEME_FILE_PATTERN = '[0-9a-f]{16}\\.css'
/** The extensions of entrance sounds, in lower case. */
export const SOUND_EXTENSION_PATTERN = '(mp3|ogg|m4a|wav)'

/** The extensions of assets, as a phrase. */
export const ASSET_EXTENSIONS_PHRASE = ASSET_EXTENSIONS.join(', ').replace(/, ([a-z]+)$/, ' or $1')
