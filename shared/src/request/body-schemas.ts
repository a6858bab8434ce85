/**
 * Schemas for the bodies of internal endpoints. The edge and the origin validate with them; the API
 * description uses them too.
 */

import * as z from 'zod'
import { isFailure } from '../response/failure.ts'
import { MAX_KEY_BYTES, type ObjectKey, toObjectKey } from './object-key.ts'

const CONTROLS = '\\u0000-\\u001f\\u007f-\\u009f'
/** Any character of a segment. The segments `.` and `..` are excluded below. */
const CHARACTER = `[^/\\\\${CONTROLS}]`
const SEGMENT = `([^./\\\\${CONTROLS}]${CHARACTER}*|\\.[^./\\\\${CONTROLS}]${CHARACTER}*|\\.\\.${CHARACTER}+)`

/** The keys that `toObjectKey` accepts, apart from their length, as a JSON Schema regular expression. */
export const OBJECT_KEY_PATTERN = `^${SEGMENT}(/${SEGMENT})*$`

/** An object key in a body. It is checked like a key in a path, but never percent-decoded. */
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

/** The body of a purge: either `object` or `external`, never both. */
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
