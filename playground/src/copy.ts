import { byId } from './dom.ts'

/** Copies a text, and reports it visually and to screen readers. */
export async function copy(text: string, button: HTMLButtonElement): Promise<void> {
  const done = await write(text)
  const label = button.dataset.label ?? button.textContent ?? ''
  button.dataset.label = label
  button.textContent = done ? 'Copied' : 'Not allowed'
  byId('said', HTMLParagraphElement).textContent = done ? 'Copied' : 'The browser did not allow copying'
  window.setTimeout(() => {
    button.textContent = label
  }, 1500)
}

async function write(text: string): Promise<boolean> {
  try {
    // Not available on a plain http page of another machine.
    if (navigator.clipboard !== undefined) {
      await navigator.clipboard.writeText(text)
      return true
    }
  } catch {
    // Denied by the user or the browser. The older method may still work.
  }
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  return done
}
