/** A sprite sheet of the frames of a video. It highlights the frame closest to a time. */

import { byId, h, show } from './dom.ts'
import { load } from './load.ts'
import { withQuery } from './state.ts'

const COLUMNS = 4
const ROWS = 3
const TILE_PIXELS = 160

export interface Sprite {
  /** Loads the sprite sheet of a source. Its tiles select their times. */
  open(base: string, signal: AbortSignal): Promise<void>
  showAt(seconds: number): void
  close(): void
}

export function createSprite(onSelect: (seconds: number) => void): Sprite {
  const strip = byId('sprite', HTMLDivElement)
  let tiles: readonly HTMLButtonElement[] = []
  let interval = 0
  let sheet: string | undefined

  function close(): void {
    if (sheet !== undefined) URL.revokeObjectURL(sheet)
    sheet = undefined
    tiles = []
    strip.replaceChildren()
    show(strip, false)
  }

  return {
    close,
    async open(base, signal) {
      const query = `format=webp&width=${TILE_PIXELS}&sprite=${COLUMNS}x${ROWS}`
      const loaded = await load(withQuery(base, query), signal)
      interval = Number(loaded.headers.get('x-sprite-interval') ?? 0)
      close()
      // The file has no video track, or the decoder makes no
      // sprite sheets. Only the slider is available then.
      if (signal.aborted || loaded.objectUrl === undefined || !(interval > 0)) return
      sheet = loaded.objectUrl
      tiles = Array.from({ length: COLUMNS * ROWS }, (_, index) => tileOf(index, loaded.objectUrl ?? ''))
      strip.replaceChildren(...tiles)
      show(strip, true)
    },
    showAt(seconds) {
      const nearest = Math.min(tiles.length - 1, Math.max(0, Math.round(seconds / interval)))
      for (const [index, tile] of tiles.entries())
        tile.setAttribute('aria-pressed', String(index === nearest))
    },
  }

  function tileOf(index: number, url: string): HTMLButtonElement {
    const seconds = index * interval
    const tile = h('button', {
      type: 'button',
      class: 'tile',
      'aria-label': `Poster at ${seconds.toFixed(1)} seconds`,
      'aria-pressed': 'false',
    })
    const { style } = tile
    style.backgroundImage = `url("${url}")`
    style.backgroundSize = `${COLUMNS * 100}% ${ROWS * 100}%`
    style.backgroundPosition = `${((index % COLUMNS) / (COLUMNS - 1)) * 100}% ${(Math.floor(index / COLUMNS) / (ROWS - 1)) * 100}%`
    tile.addEventListener('click', () => onSelect(seconds))
    return tile
  }
}
