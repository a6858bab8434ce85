/**
 * The end mark of a request body of unknown length that the edge sends to the origin. The mark proves that
 * the body is complete. Without it, a truncated file could be taken for a complete one: when the client
 * aborts, the edge's runtime may still end the request properly, because the destructor of its chunked writer
 * sends the last chunk.
 */

/**
 * The header that holds the end mark. The body ends with the same bytes, which are not part of the content.
 */
export const BODY_END_HEADER = 'x-edge-body-end'
