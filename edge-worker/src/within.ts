/** A timeout of `within`. */
export class LateError extends Error {}

/**
 * Waits for a call to the platform, and rejects with a `LateError` after a timeout in milliseconds. The call
 * itself continues, and its result is ignored.
 */
export async function within<T>(milliseconds: number, call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LateError(`no answer in ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}
