/**
 * The number of threads of a clip's decoder and of its encoder. It is the same on every machine, because the
 * encoded bytes depend on it.
 */
export const CLIP_THREADS = 2
