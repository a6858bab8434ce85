/**
 * Frees bytes that nobody looks at any more, where they are no part of other memory: now, and not when V8 comes by, which
 * collects everything after some 64 MiB of them.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
