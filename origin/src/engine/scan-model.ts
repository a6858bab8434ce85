/** What every model of the scan has in common, for who feeds it and for who reads what it says. */

/** The classes in the order of the model's output. */
export const CLASSES = ['drawing', 'hentai', 'neutral', 'porn', 'sexy'] as const

/** Every model of this contract looks at squares of this side. */
export const MODEL_SIDE_PIXELS = 224
/** Bytes of one picture as it goes to the model: RGB, row after row. */
export const MODEL_PICTURE_BYTES = MODEL_SIDE_PIXELS * MODEL_SIDE_PIXELS * 3

/** How pixels become the model's numbers. */
export interface Preprocessing {
  /** Channels last or first. */
  readonly layout: 'nhwc' | 'nchw'
  /** RGB in 0..1, or BGR in 0..255 less the means of ImageNet, as models from Caffe expect. */
  readonly colours: 'rgb' | 'bgr-caffe'
}

export interface ModelOptions extends Preprocessing {
  readonly path: string
  /** Threads of one inference. */
  readonly threads: number
}
