/** Formats numbers and rejections as text. */

import { FAILURE_EXPLANATIONS, splitExplanation } from '@media-proxy/shared/response/explanations.ts'

/** Formats a size with three significant digits: 1,234,567 as `1.23 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`
}

/** Formats how much smaller the rendition is, as `−87 %`, or how much larger, as `+12 %`. */
export function formatSaving(original: number, rendition: number): string {
  if (original === 0) return ''
  const percent = Math.round((1 - rendition / original) * 100)
  return percent >= 0 ? `−${percent} %` : `+${-percent} %`
}

/** Explains a rejection. Uses the explanation of the service if there is one. */
export function describeRejection(status: number | undefined, text: string): string {
  const { phrase, explanation } = splitExplanation(text)
  if (explanation !== '') return explanation
  return (
    FAILURE_EXPLANATIONS[phrase] ??
    (status === undefined ? 'The service did not respond.' : 'The service rejected the request.')
  )
}
