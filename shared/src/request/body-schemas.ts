/** What bodies of internal endpoints have in common at both doors: what they are checked by, and described by. */

import * as z from 'zod'
import { isFailure } from '../response/failure.ts'
import { MAX_KEY_BYTES, type ObjectKey, toObjectKey } from './object-key.ts'

const CONTROLS = '\\u0000-\\u001f\\u007f-\\u009f'
/** Any character of a segment; two dots or one alone are no segment. */
const CHARACTER = `[^/\\\\${CONTROLS}]`
const SEGMENT = `([^./\\\\${CONTROLS}]${CHARACTER}*|\\.[^./\\\\${CONTROLS}]${CHARACTER}*|\\.\\.${CHARACTER}+)`

/** The keys that `toObjectKey` takes, but for their length in bytes, as a regular expression of JSON Schema. */
export const OBJECT_KEY_PATTERN = `^${SEGMENT}(/${SEGMENT})*$`

/** A key as a body has it: checked as those in paths are, but never percent-decoded. */
export const objectKeySchema = z
  .string()
  .meta({
    description: `The key of an object, at most ${MAX_KEY_BYTES} bytes in UTF-8.`,
    pattern: OBJECT_KEY_PATTERN,
    maxLength: MAX_KEY_BYTES,
  })
  .transform((text, context): ObjectKey => {
    const key = toObjectKey(text)
    if (!isFailure(key)) return key
    context.addIssue({ code: 'custom', message: 'not a key' })
    return z.NEVER
  })

/** Either of the two, never both. */
export const purgeSchema = z.union([
  z.object({ object: objectKeySchema, external: z.never().optional() }),
  z.object({
    external: z
      .string()
      .meta({ description: 'An absolute URL.', format: 'uri' })
      .refine((text) => URL.canParse(text)),
    object: z.never().optional(),
  }),
])
