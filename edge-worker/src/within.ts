/** What was asked is not there in time. */
export class LateError extends Error {}

/**
 * Waits for what the platform is asked, but not for ever: rejects with a `LateError` after so many milliseconds. What is
 * late goes on, and nobody hears of it.
 */
export async function within<T>(milliseconds: number, asked: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LateError(`no answer in ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
