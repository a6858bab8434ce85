/** The settings of the engine processes. */

import { flag, integer } from './settings.ts'

const MIB = 1024 * 1024

export const ENGINE_SETTINGS = {
  processes: integer(
    'The number of quick image jobs that run at the same time, and equally of heavy ones. 0 means one per ' +
      'processor, but at least two.',
    { min: 0, max: 256, default: 0 },
  ),
  videos: integer('The number of video jobs that run at the same time. 0 means one per processor.', {
    min: 0,
    max: 256,
    default: 0,
  }),
  // The prediction for a photograph of 24 megapixels is 600 MiB to WebP at full size, and 415 MiB to AVIF
  // of 8.4 megapixels. With the 90 MiB of an idle process, no process reaches 1 GiB.
  memoryBytes: integer('The memory of one job, in bytes. A job with a higher predicted memory is rejected.', {
    min: 64 * MIB,
    max: 64 * 1024 * MIB,
    default: 768 * MIB,
  }),
  cpuSeconds: integer('The highest predicted CPU time of one job, in seconds. Other jobs are rejected.', {
    min: 1,
    max: 600,
    // Predictions assume the worst image: 36 s for a GIF of eleven megapixels. A photograph of that size
    // takes a third of it, which is within the deadline.
    default: 40,
  }),
  renewAfterJobs: integer('The number of jobs after which a process is replaced.', {
    min: 1,
    max: 1_000_000,
    default: 2000,
  }),
  libav: flag('Decodes videos in the process with libav (node-av) if it is installed, else with FFmpeg.', {
    default: true,
  }),
}
