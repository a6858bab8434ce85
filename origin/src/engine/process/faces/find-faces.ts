/**
 * Finds faces with MediaPipe's short-range BlazeFace (Bazarevsky et al., "BlazeFace: Sub-millisecond neural
 * face detection on mobile GPUs", 2019). Its input is 128 by 128 pixels, so it finds the faces of portraits,
 * but not those of a crowd.
 */

import { readFileSync } from 'node:fs'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { FACE_MODEL } from '../../../paths/paths.ts'
import type { Part } from '../image/layout.ts'
import { shrinkToRgba } from '../image/small-image.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { type Graph, readGraph } from './graph.ts'
import { runGraph } from './network.ts'

const SIDE = 128
/** The lowest sigmoid of a score that counts as a face. */
const MIN_SCORE = 0.5
/** The values of each box: centre, size, and six points of the face, which are not used. */
const BOX_VALUES = 16

/**
 * Returns boxes from the eyebrows to the chin, in pixels of the image, sorted by descending score. Fails with
 * `undecodable`.
 */
export async function findFaces(image: RawImage): Promise<readonly Part[] | Failure> {
  const small = await shrinkToRgba(image, { maxSidePixels: SIDE, background: 'white' })
  if (isFailure(small)) return small
  const [boxes = EMPTY, scores = EMPTY] = runGraph(loadGraph(), inputOf(small))
  const scale = image.width / small.width
  return ANCHORS.map((anchor, index) => ({
    score: 1 / (1 + Math.exp(-(scores[index] ?? 0))),
    box: boxOf(boxes.subarray(index * BOX_VALUES), anchor, scale),
  }))
    .filter(({ score }) => score >= MIN_SCORE)
    .sort((a, b) => b.score - a.score)
    .map(({ box }) => box)
}

const EMPTY = new Float32Array(0)

let graph: Graph | undefined

/** Reads the graph once, when faces are first searched. */
function loadGraph(): Graph {
  graph ??= readGraph(readFileSync(FACE_MODEL))
  return graph
}

/** Converts pixels to the range -1 to 1. The area outside the image is black. */
function inputOf({ data, width, height }: RawImage): Float32Array {
  const input = new Float32Array(SIDE * SIDE * 3).fill(-1)
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      for (let channel = 0; channel < 3; channel += 1)
        input[(y * SIDE + x) * 3 + channel] = (data[(y * width + x) * 4 + channel] ?? 0) / 127.5 - 1
  return input
}

interface Anchor {
  readonly x: number
  readonly y: number
}

/** Two anchors in each of 16 by 16 cells, then six in each of 8 by 8, in pixels of the network's input. */
const ANCHORS: readonly Anchor[] = [...anchorsOf(16, 2), ...anchorsOf(8, 6)]

function* anchorsOf(cells: number, each: number): Generator<Anchor, void, void> {
  for (let row = 0; row < cells; row += 1)
    for (let column = 0; column < cells; column += 1)
      for (let count = 0; count < each; count += 1)
        yield { x: ((column + 0.5) * SIDE) / cells, y: ((row + 0.5) * SIDE) / cells }
}

function boxOf(values: Float32Array, anchor: Anchor, scale: number): Part {
  const [x = 0, y = 0, width = 0, height = 0] = values
  return {
    left: (anchor.x + x - width / 2) * scale,
    top: (anchor.y + y - height / 2) * scale,
    width: width * scale,
    height: height * scale,
  }
}
