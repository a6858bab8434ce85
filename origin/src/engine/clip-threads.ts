/** Threads of the decoder and of the encoder of a clip: the same everywhere, or the same clip would have other bytes elsewhere. */
export const CLIP_THREADS = 2
