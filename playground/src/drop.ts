import { show } from './dom.ts'

/** Watches for files that are dropped anywhere on the page, chosen, or pasted. */
export function watchDrops(cover: HTMLElement, input: HTMLInputElement, onFile: (file: File) => void): void {
  const first = (files: FileList | null | undefined) => {
    const file = files?.[0]
    if (file !== undefined) onFile(file)
  }
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
  window.addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return
    event.preventDefault()
    show(cover, true)
  })
  window.addEventListener('dragleave', (event) => {
    // Only when the pointer leaves the window, not when it moves between elements.
    if (event.relatedTarget === null) show(cover, false)
  })
  window.addEventListener('drop', (event) => {
    if (!carriesFiles(event)) return
    event.preventDefault()
    show(cover, false)
    first(event.dataTransfer?.files)
  })
  window.addEventListener('paste', (event) => first(event.clipboardData?.files))
  input.addEventListener('change', () => {
    first(input.files)
    // Allows choosing the same file again.
    input.value = ''
  })
}
