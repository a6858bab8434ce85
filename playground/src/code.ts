/** The tabs with code for the rendition, following the tabs pattern of the ARIA Authoring Practices. */

import { byId, h } from './dom.ts'
import { LANGUAGES, type Language, snippet } from './snippets.ts'
import type { State } from './state.ts'

export interface Code {
  update(base: string, state: State): void
  readonly text: string
}

export function createCode(): Code {
  const list = byId('code-tabs', HTMLDivElement)
  const panel = byId('code', HTMLPreElement)
  let chosen: Language = 'URL'
  let current: readonly [base: string, state: State] | undefined
  let text = ''

  const tabs = LANGUAGES.map((language) => {
    const tab = h(
      'button',
      { type: 'button', role: 'tab', id: `tab-${language}`, 'aria-controls': 'code' },
      language,
    )
    tab.addEventListener('click', () => choose(language))
    tab.addEventListener('keydown', ({ key }) => {
      const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0
      if (step === 0) return
      const at = (LANGUAGES.indexOf(language) + step + LANGUAGES.length) % LANGUAGES.length
      choose(LANGUAGES[at] ?? 'URL')
      tabs[at]?.focus()
    })
    return tab
  })
  list.append(...tabs)

  function choose(language: Language): void {
    chosen = language
    render()
  }

  function render(): void {
    for (const [index, tab] of tabs.entries()) {
      const selected = LANGUAGES[index] === chosen
      tab.setAttribute('aria-selected', String(selected))
      tab.tabIndex = selected ? 0 : -1
    }
    panel.setAttribute('aria-labelledby', `tab-${chosen}`)
    if (current === undefined) return
    text = snippet(chosen, ...current)
    panel.replaceChildren(h('code', {}, text))
  }
  render()

  return {
    update(base, state) {
      current = [base, state]
      render()
    },
    get text() {
      return text
    },
  }
}
