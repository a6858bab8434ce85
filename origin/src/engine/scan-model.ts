/**
 * What all scan models have in common, for the code that prepares their input and the code that reads their
 * output.
 */

/** The classes, in the order of the model's output. */
export const CLASSES = ['drawing', 'hentai', 'neutral', 'porn', 'sexy'] as const

/** The side of the square input image of every model, in pixels. */
export const MODEL_SIDE_PIXELS = 224
/** The longer side to which images are decoded for a scan or an analysis, in pixels. */
export const ANALYSIS_SIDE_PIXELS = 2 * MODEL_SIDE_PIXELS
/** The bytes of one input image: RGB, row by row. */
export const MODEL_IMAGE_BYTES = MODEL_SIDE_PIXELS * MODEL_SIDE_PIXELS * 3

/** How pixels are converted to the model's input values. */
export interface Preprocessing {
  /** Channels last or channels first. */
  readonly layout: 'nhwc' | 'nchw'
  /** RGB in 0..1, or BGR in 0..255 minus the ImageNet means, as models from Caffe expect. */
  readonly colours: 'rgb' | 'bgr-caffe'
}

export interface ModelOptions extends Preprocessing {
  readonly path: string
  /** The number of threads of one inference. */
  readonly threads: number
}
