/** The little that is needed to build a page without a framework. */

type Child = Node | string | undefined

/** An element with attributes and children. `undefined` and `false` leave an attribute out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

/** The element of an id, of the type that it has in the document. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`the document has no ${type.name} #${id}`)
  return element
}

export function show(element: HTMLElement, shown: boolean): void {
  element.hidden = !shown
}

/** Calls back once nothing has been asked for so long. */
export function debounce(milliseconds: number, work: () => void): () => void {
  let timer: number | undefined
  return () => {
    window.clearTimeout(timer)
    timer = window.setTimeout(work, milliseconds)
  }
}
