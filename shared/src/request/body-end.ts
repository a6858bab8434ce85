/**
 * A body without a length, on its way from the edge to the origin, tells by an end mark that it is whole. The edge's
 * runtime may end a request properly whose client broke off (the destructor of its chunked writer sends the last
 * chunk), and half of a file would then be taken for a file.
 */

/** Its value are the last bytes of the body, which do not belong to it. */
export const BODY_END_HEADER = 'x-edge-body-end'
