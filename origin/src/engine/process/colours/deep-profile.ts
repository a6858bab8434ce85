/**
 * Images with more than 8 bits per sample and a colour profile. Sharp (0.35.5) converts them to Display P3
 * and leaves them there, without marking its output. Read as sRGB, that output looks pale.
 */

import type { Metadata, Sharp } from 'sharp'
import { isProfileOf } from './icc-header.ts'

type Profiled = Pick<Metadata, 'space' | 'icc'>

/** Whether Sharp converts an image to Display P3, by a profile that browsers use. */
export function hasDeepProfile({ space, icc }: Profiled): boolean {
  return space === 'rgb16' && isProfileOf(icc, space)
}

/**
 * Whether Sharp converts it by a profile that browsers ignore. Sharp would take its colours for sRGB before
 * the conversion.
 */
export function hasUselessProfile({ space, icc }: Profiled): boolean {
  return space === 'rgb16' && icc !== undefined && !isProfileOf(icc, space)
}

/** Makes a pipeline with such a profile end in sRGB. */
export function toScreen(pipeline: Sharp, { deepProfile }: { readonly deepProfile: boolean }): Sharp {
  return deepProfile ? pipeline.withIccProfile('srgb', { attach: false }) : pipeline
}
