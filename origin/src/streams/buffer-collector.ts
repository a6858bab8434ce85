/** Hears of bytes that streamed through buffers which are garbage now. */
export type BufferCollector = (bytes: number) => void

const COLLECT_AFTER_BYTES = 4 * 1024 * 1024

/**
 * Has the young generation collected after each 4 MiB that streamed. V8 counts the objects in it, not the buffers behind
 * them: by itself 100 uploaded MiB hold some 40 MiB of them. A collection takes about a millisecond. Does nothing where
 * Node was started without `--expose-gc`.
 */
export function createBufferCollector(
  collect: NodeJS.GCFunction | undefined = globalThis.gc,
): BufferCollector {
  let streamed = 0
  return (bytes) => {
    streamed += bytes
    if (streamed < COLLECT_AFTER_BYTES) return
    streamed = 0
    collect?.({ type: 'minor', execution: 'sync' })
  }
}
