/** What is laid under a picture, or around it, in the colours in which Sharp lays it there. */

import type { Sharp } from 'sharp'
import type { ImageInfo } from './inspect.ts'
import type { Render } from './render-stages.ts'

/** Has a grey picture become one of colours first: of a background, Sharp would take the lightness alone. */
export function inItsColours(pipeline: Sharp, { bands }: ImageInfo, { background }: Render): Sharp {
  return background !== undefined && bands < COLOURS ? pipeline.pipelineColourspace('srgb') : pipeline
}

const COLOURS = 3

/** The same render of a picture that is in Display P3 until its end, and its background with it. */
export function inPipelineColours(render: Render, { deepProfile }: Pick<ImageInfo, 'deepProfile'>): Render {
  const { background } = render
  return deepProfile && background !== undefined ? { ...render, background: displayP3Of(background) } : render
}

/** Six hexadecimal digits of sRGB as the same colour in Display P3, which has the same curve. */
function displayP3Of(digits: string): string {
  const light = [0, 2, 4].map((at) => toLight(Number.parseInt(digits.slice(at, at + 2), 16) / 255))
  return SRGB_TO_P3.map((row) => {
    const value = row.reduce((sum, weight, at) => sum + weight * (light[at] ?? 0), 0)
    const level = Math.round(255 * fromLight(Math.min(1, Math.max(0, value))))
    return level.toString(16).padStart(2, '0')
  }).join('')
}

/** Of linear light; both have the white of D65 (CSS Color 4, section 10.11, multiplied out). */
const SRGB_TO_P3 = [
  [0.822_462, 0.177_538, 0],
  [0.033_194, 0.966_806, 0],
  [0.017_083, 0.072_397, 0.910_52],
]

function toLight(coded: number): number {
  return coded <= 0.040_45 ? coded / 12.92 : ((coded + 0.055) / 1.055) ** 2.4
}

function fromLight(light: number): number {
  return light <= 0.003_130_8 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055
}
