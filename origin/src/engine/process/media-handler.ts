import { existsSync } from 'node:fs'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { MEDIA_KINDS, type MediaKind } from '../../media/kinds.ts'
import { fingerprintOf } from '../job-fingerprint.ts'
import type { Job, JobSource, SourceJob } from '../jobs.ts'
import { MAX_PART_BYTES } from '../protocol.ts'
import type { MediaSetup } from '../setup.ts'
import type { Channel } from './channel.ts'
import { createPixelCache, type SharedPixels } from './image/pixel-cache.ts'
import { placeholderOf } from './image/placeholder.ts'
import type { JobHandler, JobResponse } from './job-handler.ts'
import type { Reports } from './jobs/admission.ts'
import { examine } from './jobs/examine.ts'
import { extrasOf, waveformOf } from './jobs/extras.ts'
import { readFrameFiles } from './jobs/frames.ts'
import { render } from './jobs/render.ts'
import { withoutTags } from './jobs/without-tags.ts'
import { RENDERER_VERSION } from './pixels/sharp.ts'
import { modelPixels } from './scan/pixels.ts'
import { type MediaSource, memorySource, rangedSource } from './source/media-source.ts'
import { createDecoders } from './video/load-decoder.ts'
import type { VideoTools } from './video/video.ts'

/** Opens the role that decodes and renders media. */
export async function openMediaHandler(setup: MediaSetup, channel: Channel): Promise<JobHandler> {
  const decoders = createDecoders(setup)
  const stills = createPixelCache()
  const libav = setup.libav === 'at once' ? await decoders.libav() : undefined
  const libavFault = setup.libav === 'at once' ? await decoders.libavFault() : undefined
  return {
    ready: { renderer: RENDERER_VERSION, libav: libav?.version ?? null, ...(libavFault && { libavFault }) },
    async work(job, body) {
      if (job.kind === 'scan') throw new Error('a scan for a process without a model')
      if (setup.crashOn !== undefined && existsSync(setup.crashOn)) process.abort()
      const tools: VideoTools = {
        decoder: decoders.video,
        libav: decoders.libav,
        isLibavOff: setup.libav === 'off',
        limits: job.limits,
      }
      const kept = stills.begin(job.source)
      const reports = { reportProgress: channel.reportProgress, reportCost: createCostReporter(job, channel) }
      return workOn(sourceOf(job.source, body, kept, channel), job, tools, reports)
    },
    releaseMemory: stills.forget,
  }
}

/**
 * A job predicted to take less CPU time than this, in seconds, is covered by the limit for reading the
 * header.
 */
const BRIEF_CPU_SECONDS = 0.05

/**
 * Returns the function that reports a job's cost. A plain job ends with the first frame, as most jobs do, so
 * a short one reports nothing. A job that does further work always reports that it got this far: if it ends
 * its process after that, only that work is rejected, and not the whole source.
 */
function createCostReporter(job: SourceJob, { reportCost }: Channel): Reports['reportCost'] {
  const isPlain = fingerprintOf(job).kind === 'plain'
  return (cost) => {
    if (!isPlain || cost.cpuSeconds > BRIEF_CPU_SECONDS) reportCost(cost)
  }
}

async function workOn(
  source: MediaSource,
  job: SourceJob,
  tools: VideoTools,
  reports: Reports,
): Promise<JobResponse> {
  switch (job.kind) {
    case 'render': {
      const rendered = await render(source, job, tools, reports)
      if (isFailure(rendered) || rendered.kind === 'deferred') return { result: rendered }
      const { kind, format, bytes, spriteIntervalSeconds } = rendered
      const result = {
        kind,
        format,
        untouched: bytes === undefined,
        ...(spriteIntervalSeconds === undefined ? {} : { spriteIntervalSeconds }),
      }
      return bytes === undefined ? { result } : { result, body: bytes }
    }
    case 'examine':
      return workOnExamination(source, job, tools, reports)
    case 'frames': {
      const files = await readFrameFiles(source, job, tools, reports.reportCost)
      if (isFailure(files) || 'kind' in files) return { result: files }
      return {
        result: {
          kind: 'frames',
          frames: files.map(({ timestampSeconds, mime, bytes }) => ({
            timestampSeconds,
            mime,
            bytes: bytes.length,
          })),
        },
        body: Buffer.concat(files.map(({ bytes }) => bytes)),
      }
    }
  }
}

async function workOnExamination(
  given: MediaSource,
  job: Extract<Job, { readonly kind: 'examine' }>,
  tools: VideoTools,
  reports: Reports,
): Promise<JobResponse> {
  const source = await withoutTags(given)
  const examined = await examine(source, job, tools, reports.reportCost)
  if (isFailure(examined)) return { result: examined }
  if (!('frames' in examined)) return { result: examined }
  const { kind, size, durationSeconds, animated, first, frames } = examined
  const placeholder = first === undefined ? undefined : await placeholderOf(first)
  if (isFailure(placeholder)) return { result: placeholder }
  const extras = await extrasOf(examined, job.extras)
  if (isFailure(extras)) return { result: extras }
  const waveform = job.extras.includes('waveform') ? await waveformOf(source, examined, tools) : undefined
  if (isFailure(waveform)) return { result: waveform }
  const images: Uint8Array[] = []
  for (const frame of frames) {
    const pixels = await modelPixels(frame)
    if (isFailure(pixels)) return { result: pixels }
    images.push(...pixels)
  }
  return {
    result: {
      kind: 'examined',
      format: kind.format,
      ...(size === undefined ? {} : { size }),
      ...(durationSeconds === undefined ? {} : { durationSeconds }),
      ...(animated === undefined ? {} : { animated }),
      ...(placeholder === undefined ? {} : { placeholder }),
      ...extras,
      ...(waveform === undefined ? {} : { waveform }),
    },
    body: Buffer.concat(images),
  }
}

/**
 * The size of the parts in which a source is read from the store, in bytes. The server holds one part in its
 * memory for each job.
 */
const STORE_PART_BYTES = 1024 * 1024

function sourceOf(
  { format, sizeBytes, location }: JobSource,
  body: Uint8Array,
  kept: SharedPixels,
  channel: Channel,
): MediaSource {
  const kind: MediaKind | undefined = MEDIA_KINDS.find((known) => known.format === format)
  if (location === 'body') return memorySource(body, kind, kept)
  const partBytes = location === 'memory' ? MAX_PART_BYTES : STORE_PART_BYTES
  return rangedSource(sizeBytes, kind, {
    kept,
    readRange: channel.readRange,
    readAll: () => channel.readAll(sizeBytes, partBytes),
  })
}
