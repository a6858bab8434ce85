/**
 * Cancels a body or its reader, whose remaining bytes are not needed. Cancelling one that has broken off
 * rejects, which is ignored: there is nothing left to cancel.
 */
export async function discardBody(
  body: Pick<ReadableStream, 'cancel'> | ReadableStreamDefaultReader | null | undefined,
  reason?: unknown,
): Promise<void> {
  await body?.cancel(reason).catch(() => undefined)
}
