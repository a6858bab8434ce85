/** The settings that limit what a request may cost. */

import { integer } from './settings.ts'

const MIB = 1024 * 1024

export const LIMIT_SETTINGS = {
  sourceBytes: integer('The largest source that is decoded, in bytes.', {
    min: 1,
    max: 8192 * MIB,
    default: 500 * MIB,
  }),
  decodedBytes: integer(
    'The largest decoded size of an image, or of one frame of an animation or a video, in bytes.',
    {
      min: 1024,
      max: 8192 * MIB,
      default: 640 * MIB,
    },
  ),
  sidePixels: integer('The largest side of a source, in pixels.', { min: 1, max: 16384, default: 16384 }),
  frames: integer('The largest number of frames of an animation.', { min: 1, max: 10_000, default: 3000 }),
  deadlineMs: integer('The deadline for the first byte of a response, in milliseconds.', {
    min: 100,
    max: 300_000,
    default: 30_000,
  }),
  sourceMemoryBytes: integer('The memory for all sources that are being read or are waiting, in bytes.', {
    min: MIB,
    max: 256 * 1024 * MIB,
    default: 256 * MIB,
  }),
  // The default equals the memory of one job. Together with the server, the model and three idle processes,
  // the total stays below 1.5 GiB.
  renderMemoryBytes: integer(
    'The largest predicted memory of all heavy jobs that run at the same time, in bytes.',
    {
      min: MIB,
      max: 256 * 1024 * MIB,
      default: 768 * MIB,
    },
  ),
  streamIdleMs: integer(
    'The timeout for a client to read 64 KiB of a stream, in milliseconds. A slower client is disconnected.',
    {
      min: 1000,
      max: 3_600_000,
      default: 60_000,
    },
  ),
  // Longer than the default of nginx, Varnish and the load balancers of AWS, which is 60 s.
  idleConnectionMs: integer(
    'The time that an idle connection is kept open, in milliseconds. It has to be longer than the proxy in front keeps it.',
    {
      min: 1000,
      max: 7_200_000,
      default: 65_000,
    },
  ),
  queuedRenders: integer('The largest number of renders that wait in the queue.', {
    min: 0,
    max: 100_000,
    default: 512,
  }),
  clips: integer('The number of clips that are rendered at the same time.', {
    min: 1,
    max: 256,
    default: 1,
  }),
  clipSeconds: integer('The longest duration of a clip, in seconds.', { min: 1, max: 600, default: 60 }),
  clipDeadlineMs: integer('The deadline for the first byte of a clip, in milliseconds.', {
    min: 1000,
    max: 600_000,
    default: 120_000,
  }),
  clipBytes: integer('The largest size of a clip, in bytes. A clip ends when it reaches this size.', {
    min: 1024,
    max: 512 * MIB,
    default: 64 * MIB,
  }),
  avifPixels: integer('The largest rendition in AVIF, in pixels. Larger ones are served as WebP.', {
    min: 0,
    max: 268_435_456,
    default: 8_400_000,
  }),
  decoderMemoryBytes: integer(
    'The address space of one FFmpeg process, in bytes. Applies when libav is not used.',
    {
      min: 256 * MIB,
      max: 64 * 1024 * MIB,
      default: 2048 * MIB,
    },
  ),
  temporaryFileBytes: integer('The largest source that is copied to a temporary file, in bytes.', {
    min: 0,
    max: 8192 * MIB,
    default: 256 * MIB,
  }),
  internalBodyBytes: integer('The largest request body of an internal endpoint, in bytes.', {
    min: 1024,
    max: 512 * MIB,
    default: 48 * MIB,
  }),
  uploadBytes: integer('The largest upload through the relay, in bytes.', {
    min: 1,
    max: 5 * 1024 * MIB,
    default: 500 * MIB,
  }),
  spoolBytes: integer('The total size of uploads of unknown length in temporary files, in bytes.', {
    min: 0,
    max: 1024 * 1024 * MIB,
    default: 1024 * MIB,
  }),
  base64Bytes: integer('The largest file that a response contains as base64, in bytes.', {
    min: 1024,
    max: 1024 * MIB,
    default: 128 * MIB,
  }),
}
