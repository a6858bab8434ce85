/**
 * The kinds of settings in a configuration. Each accepts a value of its type (from JSON) and its text (from
 * an environment variable), and has a description of the accepted values for fault messages.
 */

import * as z from 'zod'
import { toObjectKey } from '../request/object-key.ts'
import { PRESET_NAME } from '../request/presets.ts'
import { isFailure } from '../response/failure.ts'

/** The description of a setting. */
export interface SettingMeta {
  /** The text for the documentation. */
  readonly description: string
  /** The accepted values, in words. */
  readonly accepts: string
  /** Whether the value is a secret, which is never printed. */
  readonly secret?: boolean
}

const metas = z.registry<SettingMeta>()

/** Returns the description of a setting. Undefined for a group. */
export function metaOf(schema: z.ZodType): SettingMeta | undefined {
  return metas.get(schema)
}

function describe<S extends z.ZodType>(schema: S, meta: SettingMeta): S {
  metas.add(schema, meta)
  // Editors show this text from the JSON Schema.
  z.globalRegistry.add(schema, { description: `${meta.description} Accepts ${meta.accepts}.` })
  return schema
}

/** A whole number in a range. */
export function integer(
  description: string,
  options: { readonly min: number; readonly max: number; readonly default: number },
) {
  const schema = z.preprocess(readNumber, z.int().min(options.min).max(options.max)).default(options.default)
  return describe(schema, { description, accepts: `a whole number from ${options.min} to ${options.max}` })
}

/** An optional whole number in a range. */
export function optionalInteger(
  description: string,
  options: { readonly min: number; readonly max: number },
) {
  const schema = z.preprocess(readNumber, z.int().min(options.min).max(options.max)).optional()
  return describe(schema, { description, accepts: `a whole number from ${options.min} to ${options.max}` })
}

/** A number in a range, fractions allowed. */
export function ratio(
  description: string,
  options: { readonly min: number; readonly max: number; readonly default: number },
) {
  const schema = z
    .preprocess(readNumber, z.number().min(options.min).max(options.max))
    .default(options.default)
  return describe(schema, { description, accepts: `a number from ${options.min} to ${options.max}` })
}

/** An optional number in a range, fractions allowed. */
export function optionalRatio(description: string, options: { readonly min: number; readonly max: number }) {
  const schema = z.preprocess(readNumber, z.number().min(options.min).max(options.max)).optional()
  return describe(schema, { description, accepts: `a number from ${options.min} to ${options.max}` })
}

/** `true` or `false`. */
export function flag(description: string, options: { readonly default: boolean }) {
  return describe(z.preprocess(readFlag, z.boolean()).default(options.default), {
    description,
    accepts: 'true or false',
  })
}

/** `true` or `false`. Undefined when not set, for a default that depends on other settings. */
export function optionalFlag(description: string) {
  return describe(z.preprocess(readFlag, z.boolean()).optional(), { description, accepts: 'true or false' })
}

/** One of several words. */
export function choice<const T extends readonly [string, ...string[]]>(
  description: string,
  words: T,
  options: { readonly default: T[number] },
) {
  return describe(z.enum(words).default(options.default), { description, accepts: words.join(', ') })
}

/** A text, limited only in length. */
export function text(description: string, options: { readonly default: string }) {
  return describe(z.string().trim().min(1).max(2048).default(options.default), {
    description,
    accepts: 'a text',
  })
}

/** An optional text. */
export function optionalText(description: string, options: { readonly secret?: boolean } = {}) {
  return describe(z.string().trim().min(1).max(2048).optional(), {
    description,
    accepts: 'a text',
    ...options,
  })
}

/**
 * A key or token of a store, which is sent in a header. A newline at its end, from a file for example, is
 * removed. One inside it is rejected, because the error about the invalid header would quote the value.
 */
export function credential(description: string) {
  const schema = z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]{1,4096}$/)
    .optional()
  return describe(schema, {
    description,
    accepts: 'printable ASCII characters without a space among them',
    secret: true,
  })
}

const BUCKET = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/)
const BUCKET_NAME = 'a name of letters, digits, dots, hyphens and underscores'

/** An optional object key. */
export function objectKey(description: string) {
  const schema = z
    .string()
    .transform((text, context) => {
      const key = toObjectKey(text)
      if (!isFailure(key)) return key
      context.addIssue({ code: 'custom', message: key.detail ?? key.code })
      return z.NEVER
    })
    .optional()
  return describe(schema, {
    description,
    accepts: 'a key such as defaults/avatar.png, without an empty segment, . or ..',
  })
}

/** A bucket of a store, or its folder in the filesystem store. */
export function bucketName(description: string, options: { readonly default: string }) {
  return describe(BUCKET.default(options.default), { description, accepts: BUCKET_NAME })
}

/** An optional bucket. */
export function optionalBucketName(description: string) {
  return describe(BUCKET.optional(), { description, accepts: BUCKET_NAME })
}

/** The URL of a store: http or https without credentials, query or fragment. A trailing slash is removed. */
export function storeEndpoint(description: string) {
  const schema = z
    .string()
    .trim()
    .pipe(z.url({ protocol: /^https?$/ }))
    .refine((url) => {
      const { username, password, search, hash } = new URL(url)
      return username + password + search + hash === ''
    })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
  return describe(schema, {
    description,
    accepts: 'an absolute http or https URL without credentials, query or fragment',
  })
}

/** An absolute http or https URL. A trailing slash is removed. */
export function httpUrl(description: string) {
  const schema = z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
  return describe(schema, { description, accepts: 'an absolute http or https URL' })
}

/** A list of absolute http or https URLs. Trailing slashes are removed. */
export function httpUrls(description: string) {
  const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''))
  return describe(z.preprocess(readList, z.array(url)).default([]), {
    description,
    accepts: 'an absolute http or https URL, or a comma-separated list of them',
  })
}

/** A path that starts with a slash, empty by default. A trailing slash is removed. */
export function urlPath(description: string) {
  const schema = z
    .string()
    .regex(/^((\/[A-Za-z0-9._~-]+)*\/?)$/)
    .refine((path) => !/\/\.{1,2}(\/|$)/.test(path))
    .transform((path) => path.replace(/\/$/, ''))
    .default('')
  return describe(schema, { description, accepts: 'a path such as /media' })
}

/** Web origins as a browser sends them, or `*`. */
export function originList(description: string) {
  const origin = z
    .string()
    .transform((text) => text.replace(/\/$/, ''))
    .refine((text) => text === '*' || (URL.canParse(text) && new URL(text).origin === text.toLowerCase()))
    .transform((text) => text.toLowerCase())
  return describe(z.preprocess(readList, z.array(origin)).default(['*']), {
    description,
    accepts: '* or a comma-separated list of origins such as https://app.example.com',
  })
}

/** A comma-separated list, or an array. */
export function list(
  description: string,
  options: {
    readonly default: readonly string[]
    readonly accepts: string
    /** Validates an entry. Without it, every text is valid. */
    readonly isEntry?: (text: string) => boolean
  },
) {
  const entry = z.string().min(1)
  const { isEntry } = options
  const entries = z.array(isEntry === undefined ? entry : entry.refine(isEntry))
  const schema = z.preprocess(readList, entries).default([...options.default])
  return describe(schema, { description, accepts: options.accepts })
}

/** A comma-separated list of whole numbers, or an array. */
export function integerList(
  description: string,
  options: { readonly min: number; readonly max: number; readonly default: readonly number[] },
) {
  const numbers = z.array(z.int().min(options.min).max(options.max))
  const schema = z
    .preprocess((value) => asArray(readList(value))?.map(readNumber) ?? value, numbers)
    .default([...options.default])
  return describe(schema, {
    description,
    accepts: `a comma-separated list of whole numbers from ${options.min} to ${options.max}`,
  })
}

/**
 * Queries by name: an object in JSON, `name:query;name:query` in a variable. The queries are validated later.
 */
export function namedQueries(description: string) {
  const queries = z.record(z.string().regex(PRESET_NAME), z.string().min(1).max(2048))
  return describe(z.preprocess(readNamed, queries).default({}), {
    description,
    accepts:
      'name:parameters pairs with semicolons between them, such as thumb:width=200&format=webp;card:width=640; in ' +
      'the file an object',
  })
}

/** A list of secrets: the first signs, all verify. */
export function secrets(description: string) {
  // A list from a variable is split at commas, so a comma inside a secret would silently make two secrets of
  // it.
  const secret = z
    .string()
    .min(1)
    .regex(/^[^,]+$/)
  return describe(z.preprocess(readList, z.array(secret)).default([]), {
    description,
    accepts: 'one secret or a comma-separated list; the first signs, all verify; no secret contains a comma',
    secret: true,
  })
}

/** A list of secrets in base64 or base64url. */
export function base64Secrets(description: string, { minBytes }: { readonly minBytes: number }) {
  const secret = z
    .string()
    .regex(/^[A-Za-z0-9+/_-]+={0,2}$/)
    .refine((text) => {
      const digits = text.replace(/=+$/, '').length
      return digits % 4 !== 1 && Math.floor((digits * 3) / 4) >= minBytes
    })
  return describe(z.preprocess(readList, z.array(secret)).default([]), {
    description,
    accepts: `base64 of at least ${minBytes} bytes, or a comma-separated list; the first signs, all verify`,
    secret: true,
  })
}

function readNumber(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,15}(\.\d{1,6})?$/.test(value.trim()) ? Number(value) : value
}

function readFlag(value: unknown): unknown {
  return value === 'true' ? true : value === 'false' ? false : value
}

function readList(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return value === '' ? [] : value.split(',').map((item) => item.trim())
}

function readNamed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const pairs = value.split(';').filter((pair) => pair.trim() !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...query] = pair.split(':')
      return [name.trim(), query.join(':').trim()]
    }),
  )
}

function asArray(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined
}
