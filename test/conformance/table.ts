/** The contract as a table of requests and expected responses, for the edge and the origin. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import { FFMPEG } from '../videos.ts'
import { assets, expressions } from './assets.ts'
import type { Case } from './case.ts'
import { clips } from './clips.ts'
import { files, ranges } from './files.ts'
import { operations } from './operations.ts'
import { rejections, service } from './rejections.ts'
import { stills } from './stills.ts'
import { moreInputs, transformations } from './transformations.ts'

const libav = await loadLibav()

export const TABLE: readonly Case[] = [
  ...assets,
  ...expressions,
  ...transformations,
  ...moreInputs,
  ...operations,
  ...(FFMPEG === undefined ? [] : stills),
  ...(FFMPEG === undefined || libav === undefined ? [] : clips),
  ...files,
  ...ranges,
  ...rejections,
  ...service,
]
