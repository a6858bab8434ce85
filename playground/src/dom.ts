/** Helpers for building a page without a framework. */

type Child = Node | string | undefined

/**
 * Creates an element with attributes and children. An attribute that is `undefined` or `false` is omitted.
 */
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

/** Returns the element with an id. Throws when it is missing or of another type. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`the document has no ${type.name} #${id}`)
  return element
}

export function show(element: HTMLElement, shown: boolean): void {
  element.hidden = !shown
}

/** Returns a function that runs the work once it has not been called for this time, in milliseconds. */
export function debounce(milliseconds: number, work: () => void): () => void {
  let timer: number | undefined
  return () => {
    window.clearTimeout(timer)
    timer = window.setTimeout(work, milliseconds)
  }
}
