import type { Metadata } from '@media-proxy/shared/client/client-answers.ts'
import { type ClientFailure, isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { placeholderDataUrl } from '@media-proxy/shared/client/placeholder.ts'
import { splitExplanation } from '@media-proxy/shared/response/explanations.ts'
import { h } from './dom.ts'
import { describeRejection, formatBytes } from './format.ts'

/** Shows the metadata, placeholder and scan of a source, or the reason why there are none. */
export function renderMetadata(container: HTMLElement, answer: Metadata | ClientFailure): void {
  if (isClientFailure(answer)) {
    container.replaceChildren(
      h('p', {}, h('strong', {}, `${answer.status ?? ''} ${splitExplanation(answer.message).phrase}`.trim())),
      h('p', { class: 'hint' }, describeRejection(answer.status, answer.message)),
    )
    return
  }
  container.replaceChildren(infoOf(answer), ...placeholderOf(answer), ...scanOf(answer))
}

function infoOf(metadata: Metadata): HTMLElement {
  const { format, content_type, size, width, height, duration, animated, content_hash } = metadata
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Format', `${format} (${content_type})`],
    ['Size', formatBytes(size)],
    ['Dimensions', width === undefined ? undefined : `${width} × ${height}`],
    ['Duration', duration === undefined ? undefined : `${duration} s`],
    ['Animated', animated === undefined ? undefined : animated ? 'yes' : 'no'],
    ['SHA-256', content_hash],
  ]
  const list = h('dl', { class: 'pairs' })
  for (const [name, value] of facts) {
    if (value !== undefined) list.append(h('div', {}, h('dt', {}, name), h('dd', {}, value)))
  }
  return list
}

function placeholderOf({ placeholder }: Metadata): readonly HTMLElement[] {
  const src = placeholder === undefined ? undefined : placeholderDataUrl(placeholder)
  if (src === undefined) return []
  return [
    h(
      'figure',
      { class: 'placeholder' },
      h('img', { src, alt: 'Placeholder' }),
      h('figcaption', {}, `Placeholder, ${placeholder?.length} characters`),
    ),
  ]
}

function scanOf({ nsfw, nsfw_probability, nsfw_predictions }: Metadata): readonly HTMLElement[] {
  const classes = Object.entries(nsfw_predictions).sort(([, a], [, b]) => b - a)
  if (classes.length === 0) return [h('p', { class: 'hint' }, 'Not scanned.')]
  const bars = classes.map(([name, value]) =>
    h(
      'div',
      { class: 'bar' },
      h('span', {}, name),
      h('meter', { min: 0, max: 1, value, 'aria-label': name }),
      h('span', {}, `${(value * 100).toFixed(1)} %`),
    ),
  )
  const verdict = `${nsfw ? 'Flagged' : 'Not flagged'}, ${(nsfw_probability * 100).toFixed(1)} %`
  return [h('div', { class: 'scan' }, h('p', { class: nsfw ? 'flagged' : '' }, verdict), ...bars)]
}
