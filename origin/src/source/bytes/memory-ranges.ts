import { createRangeSource, type RangeSource } from './ranges.ts'

/** Returns a range source of bytes that are in memory already. */
export function memoryRanges(bytes: Uint8Array): RangeSource {
  return createRangeSource({
    sizeBytes: bytes.length,
    head: bytes,
    fetchPart: async (start, end) => bytes.subarray(start, end),
    fetchAll: async () =>
      new ReadableStream({
        start(controller) {
          if (bytes.length > 0) controller.enqueue(bytes)
          controller.close()
        },
      }),
  })
}
