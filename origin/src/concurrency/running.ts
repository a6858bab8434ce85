/** Tracks calls in progress, so that a shutdown can wait for them. */
export function createRunning() {
  const running = new Set<Promise<unknown>>()
  return {
    /** Returns the value, and counts its call as running until the value resolves or rejects. */
    watch<T>(value: T | Promise<T>): T | Promise<T> {
      if (!(value instanceof Promise)) return value
      running.add(value)
      const onEnd = () => running.delete(value)
      value.then(onEnd, onEnd)
      return value
    },
    /** Resolves when the calls that run now have ended. */
    async settled(): Promise<void> {
      await Promise.allSettled(running)
    },
  }
}
