import type { ReadableByteStreamController } from 'node:stream/web'

/** A read whose memory the reader provides ("bring your own buffer"). */
export interface ByobRequest {
  readonly memory: Uint8Array
  /** Answers the read with the first bytes of the memory. */
  respond(bytes: number): void
}

/** Returns the pending read that provides its memory, which the types of Node leave out. */
export function byobRequestOf(controller: ReadableByteStreamController): ByobRequest | undefined {
  const { byobRequest }: { byobRequest: unknown } = controller
  const request = byobRequest as ReadableStreamBYOBRequest | null
  if (request === null || request.view === null) return undefined
  const { buffer, byteOffset, byteLength } = request.view
  return {
    memory: new Uint8Array(buffer, byteOffset, byteLength),
    respond: (bytes) => request.respond(bytes),
  }
}
