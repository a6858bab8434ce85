/** Renders a source with the renderer of its kind of media. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import { type Failure, fail, failWithHint } from '@media-proxy/shared/response/failure.ts'
import { shownKind } from '../../../media/kinds.ts'
import type { Deferred, RenderJob } from '../../jobs.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { VideoTools } from '../video/video.ts'
import type { Reports } from './admission.ts'
import { renderClip } from './render-clip.ts'
import { renderImageJob } from './render-image-job.ts'
import { renderVideo } from './render-video.ts'
import type { Rendered } from './rendered.ts'

/**
 * Makes a rendition of a source, or returns its cost when that exceeds the admitted cost. Fails with the
 * failures of its kind of media, or because the media is not visual.
 */
export async function render(
  source: MediaSource,
  job: Pick<RenderJob, 'options' | 'renderQuality' | 'allowance' | 'limits'>,
  tools: VideoTools,
  { reportCost, reportProgress }: Reports,
): Promise<Rendered | Deferred | Failure> {
  const { options } = job
  const kind = shownKind(source.kind)
  const task = { ...job, admission: { allowance: job.allowance, reportCost } }
  if (options.imagesOnly && kind?.kind !== 'image') return fail('undecodable', `content is ${kind?.format}`)
  if (options.sprite !== undefined && kind?.kind === 'image')
    return failWithHint('not-visual', 'a sprite sheet is made of a video, and this is an image')
  if (isClipFormat(options.format))
    return renderClip({ ...source, kind }, options.format, { ...task, reportProgress }, tools)
  switch (kind?.kind) {
    case undefined:
      return fail('unsupported-format', 'the first bytes are of no accepted type')
    case 'audio':
      return failWithHint('not-visual', `the file is ${kind.format}, which is audio`)
    case 'video':
      return renderVideo(source, kind.format, task, tools)
    case 'image':
      return renderImageJob(source, kind.format, task, tools)
  }
}
