/** Lists the objects of the store by folder. The service lists only the first few hundred. */

import { decodeSegment } from './decode-segment.ts'
import { byId, h } from './dom.ts'

interface Folder {
  readonly folders: Map<string, Folder>
  readonly files: { readonly name: string; readonly path: string }[]
}

export interface Files {
  /** Sets the listed paths. `max` is the largest number that the service lists. */
  list(paths: readonly string[], max: number): void
  /** Puts a new path before the listed ones. */
  add(path: string): void
}

export function createFiles(onChoose: (path: string) => void): Files {
  const panel = byId('files', HTMLDetailsElement)
  const tree = byId('file-tree', HTMLDivElement)
  let paths: readonly string[] = []
  let maxPaths = Number.POSITIVE_INFINITY

  // Hundreds of buttons are created only when the panel is open.
  panel.addEventListener('toggle', () => {
    if (panel.open) tree.replaceChildren(...render(folderOf(paths), onChoose))
  })

  function show(listed: readonly string[]): void {
    paths = listed
    byId('objects', HTMLDataListElement).replaceChildren(...paths.map((value) => h('option', { value })))
    // The panel keeps its place while it is hidden, so that nothing moves once the list is loaded.
    panel.toggleAttribute('data-locked', paths.length === 0)
    byId('file-count', HTMLElement).textContent =
      paths.length >= maxPaths ? `the first ${maxPaths}` : String(paths.length)
    if (panel.open) tree.replaceChildren(...render(folderOf(paths), onChoose))
  }

  return {
    list(listed, max) {
      maxPaths = max
      show(listed)
    },
    add: (path) => show([path, ...paths]),
  }
}

function folderOf(paths: readonly string[]): Folder {
  const root: Folder = { folders: new Map(), files: [] }
  for (const path of paths) {
    const names = path.slice(1).split('/')
    let folder = root
    for (const name of names.slice(0, -1)) {
      const inner = folder.folders.get(name) ?? { folders: new Map(), files: [] }
      folder.folders.set(name, inner)
      folder = inner
    }
    folder.files.push({ name: decodeSegment(names.at(-1) ?? ''), path })
  }
  return root
}

function render({ folders, files }: Folder, onChoose: (path: string) => void): readonly HTMLElement[] {
  const inner = [...folders].map(([name, folder]) => {
    const details = h('details', {}, h('summary', {}, `${decodeSegment(name)}/`))
    details.append(h('div', { class: 'folder' }, ...render(folder, onChoose)))
    return details
  })
  const own = files.map(({ name, path }) => {
    const button = h('button', { type: 'button', class: 'chip' }, name)
    button.addEventListener('click', () => onChoose(path))
    return button
  })
  return [...inner, ...own]
}
