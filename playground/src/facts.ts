import { byId, h } from './dom.ts'
import { formatBytes, formatSaving } from './format.ts'
import { type Loaded, readServerTiming } from './load.ts'

export interface Shown {
  readonly loaded: Loaded
  readonly width: number | undefined
  readonly height: number | undefined
}

/** Fills the table that compares the original and the rendition. */
export function renderFacts(
  table: HTMLTableElement,
  original: Shown | undefined,
  rendition: Shown | undefined,
): void {
  const rows: readonly (readonly [string, (shown: Shown) => string])[] = [
    ['Status', ({ loaded }) => String(loaded.status)],
    ['Format', ({ loaded }) => (loaded.ok ? loaded.contentType : '')],
    ['Dimensions', ({ width, height }) => (width === undefined ? '' : `${width} × ${height}`)],
    [
      'Bytes',
      ({ loaded }) =>
        loaded.ok ? `${formatBytes(loaded.bytes)} (${loaded.bytes.toLocaleString('en')})` : '',
    ],
    ['Took', ({ loaded }) => `${loaded.tookMs.toFixed(0)} ms`],
    ['X-Cache', ({ loaded }) => loaded.headers.get('x-cache') ?? ''],
    ['ETag', ({ loaded }) => loaded.headers.get('etag') ?? ''],
    ['Cache-Control', ({ loaded }) => loaded.headers.get('cache-control') ?? ''],
    ['Vary', ({ loaded }) => loaded.headers.get('vary') ?? ''],
  ]
  const cell = (shown: Shown | undefined, read: (shown: Shown) => string) =>
    h('td', {}, (shown === undefined ? '' : read(shown)) || '–')
  table.replaceChildren(
    h(
      'thead',
      {},
      h('tr', {}, h('td'), h('th', { scope: 'col' }, 'Original'), h('th', { scope: 'col' }, 'Rendition')),
    ),
    h(
      'tbody',
      {},
      ...rows.map(([name, read]) =>
        h(
          'tr',
          { 'data-fact': name },
          h('th', { scope: 'row' }, name),
          cell(original, read),
          cell(rendition, read),
        ),
      ),
    ),
  )
}

/** Fills the captions of the images with their size and the saving. */
export function renderCaptions(original: Shown | undefined, rendition: Shown | undefined): void {
  const of = (shown: Shown | undefined) => (shown?.loaded.ok ? formatBytes(shown.loaded.bytes) : undefined)
  const sight = (shown: Shown | undefined) =>
    shown?.width === undefined && shown?.loaded.objectUrl !== undefined
      ? 'not shown by this browser'
      : undefined
  const [before, after] = [of(original), of(rendition)]
  const saving =
    before === undefined || after === undefined || original === undefined || rendition === undefined
      ? undefined
      : formatSaving(original.loaded.bytes, rendition.loaded.bytes)
  const caption = (name: string, ...facts: readonly (string | undefined)[]) =>
    [name, ...facts.filter((fact) => fact !== undefined && fact !== '')].join(' · ')
  byId('original-caption', HTMLElement).textContent = caption('Original', before, sight(original))
  byId('rendition-caption', HTMLElement).textContent = caption('Rendition', after, saving, sight(rendition))
}

/** Shows in the heading how much the rendition saves. */
export function renderSaving(
  element: HTMLElement,
  original: Shown | undefined,
  rendition: Shown | undefined,
): void {
  const both = original?.loaded.ok === true && rendition?.loaded.ok === true
  element.textContent = both ? formatSaving(original.loaded.bytes, rendition.loaded.bytes) : ''
  element.classList.toggle('larger', both && rendition.loaded.bytes > original.loaded.bytes)
}

/** Shows the stages of the response as bars, relative to the longest one. */
export function renderTimings(element: HTMLElement, rendition: Shown | undefined): void {
  const stages = readServerTiming(rendition?.loaded.headers.get('server-timing') ?? null)
  const longest = Math.max(0.1, ...stages.map(({ duration }) => duration))
  element.replaceChildren(
    ...stages.map(({ name, duration }) =>
      h(
        'div',
        { class: 'bar' },
        h('span', {}, name),
        h('meter', { min: 0, max: longest, value: duration, 'aria-label': name }),
        h('span', {}, `${duration.toFixed(1)} ms`),
      ),
    ),
  )
}
