const THEMES = ['auto', 'light', 'dark'] as const
const KEY = 'media-proxy-theme'

/** Switches between light, dark, and the theme of the system. The choice is stored in the browser. */
export function createTheme(button: HTMLButtonElement): void {
  let at = Math.max(0, THEMES.map(String).indexOf(localStorage.getItem(KEY) ?? 'auto'))
  const apply = () => {
    const theme = THEMES[at] ?? 'auto'
    document.documentElement.dataset.theme = theme
    button.textContent = `Theme: ${theme}`
    localStorage.setItem(KEY, theme)
  }
  button.addEventListener('click', () => {
    at = (at + 1) % THEMES.length
    apply()
  })
  apply()
}
