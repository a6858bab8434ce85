/** The contact sheet: one image in every format and named quality, with the size of each. */

import { h } from './dom.ts'
import { formatBytes, formatSaving } from './format.ts'
import { load } from './load.ts'
import { variantUrl } from './snippets.ts'
import type { State } from './state.ts'

const FORMATS = ['avif', 'webp', 'jpg', 'png', 'gif'] as const
const QUALITIES = ['low', 'high', 'lossless'] as const
/** The maximum number of concurrent renders. */
const CONCURRENT_LOADS = 3

export async function renderSheet(
  container: HTMLElement,
  base: string,
  state: State,
  originalBytes: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const cells = FORMATS.flatMap((format) =>
    QUALITIES.map((quality) => ({ format, quality, element: h('td') })),
  )
  container.replaceChildren(tableOf(cells))
  const sizes: { readonly element: HTMLElement; readonly bytes: number }[] = []
  const waiting = [...cells]
  const work = async () => {
    for (let cell = waiting.shift(); cell !== undefined && !signal.aborted; cell = waiting.shift()) {
      const { element, format, quality } = cell
      const loaded = await load(variantUrl(base, state, format, quality), signal)
      if (!loaded.ok || loaded.objectUrl === undefined) {
        element.replaceChildren(h('span', { class: 'hint' }, `${loaded.status} ${loaded.phrase}`))
        continue
      }
      sizes.push({ element, bytes: loaded.bytes })
      const saving = originalBytes === undefined ? '' : formatSaving(originalBytes, loaded.bytes)
      const image = h('img', { src: loaded.objectUrl, alt: `${format}, ${quality}` })
      element.replaceChildren(
        image,
        h('strong', {}, formatBytes(loaded.bytes)),
        h('span', { class: 'hint' }, saving),
      )
      await image.decode().catch(() => {
        element.append(h('span', { class: 'hint' }, 'not shown by this browser'))
      })
      URL.revokeObjectURL(loaded.objectUrl)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_LOADS }, work))
  const smallest = Math.min(...sizes.map(({ bytes }) => bytes))
  for (const { element, bytes } of sizes) element.classList.toggle('smallest', bytes === smallest)
}

function tableOf(
  cells: readonly { readonly format: string; readonly element: HTMLTableCellElement }[],
): HTMLElement {
  const head = h('tr', {}, h('td'), ...QUALITIES.map((quality) => h('th', { scope: 'col' }, quality)))
  const rows = FORMATS.map((format) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, format),
      ...cells.filter((cell) => cell.format === format).map(({ element }) => element),
    ),
  )
  const table = h('table', { class: 'sheet' }, h('thead', {}, head), h('tbody', {}, ...rows))
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Images of the sheet' },
    table,
  )
}
