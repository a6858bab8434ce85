/**
 * Frees the memory of bytes that are no longer needed, unless they are a part of a larger buffer. This
 * happens at once rather than at the next garbage collection, which comes after about 64 MiB of them.
 */
export function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
