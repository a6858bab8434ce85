/** A handle on the image for its focal point. It is dragged, or moved with the arrow keys. */

import { byId, show } from './dom.ts'
import type { FocalPoint } from './focal-point.ts'

const STEP = 0.02
const KEYS: Readonly<Record<string, FocalPoint>> = {
  ArrowLeft: { x: -STEP, y: 0 },
  ArrowRight: { x: STEP, y: 0 },
  ArrowUp: { x: 0, y: -STEP },
  ArrowDown: { x: 0, y: STEP },
}

export interface Focus {
  /** Hides the handle and resets its position, for another source. */
  reset(): void
}

export function createFocus(canvas: HTMLElement, onPoint: (point: FocalPoint) => void): Focus {
  const image = byId('original', HTMLImageElement)
  const toggle = byId('focus-toggle', HTMLButtonElement)
  const handle = byId('focus', HTMLButtonElement)
  let point: FocalPoint = { x: 0.5, y: 0.5 }

  function place(): void {
    const shown = shownPart(image)
    const { left, top } = canvas.getBoundingClientRect()
    handle.style.left = `${shown.left - left + point.x * shown.width}px`
    handle.style.top = `${shown.top - top + point.y * shown.height}px`
    const [x, y] = [point.x, point.y].map((value) => Math.round(value * 100))
    handle.setAttribute('aria-label', `Focal point: ${x} % from the left, ${y} % from the top`)
  }

  function moveTo({ x, y }: FocalPoint): void {
    point = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) }
    place()
  }

  toggle.addEventListener('click', () => {
    const shown = handle.hidden !== false
    show(handle, shown)
    toggle.setAttribute('aria-pressed', String(shown))
    place()
    if (shown) handle.focus()
  })
  handle.addEventListener('pointerdown', (event) => {
    handle.setPointerCapture(event.pointerId)
    event.stopPropagation()
  })
  handle.addEventListener('pointermove', (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return
    const { left, top, width, height } = shownPart(image)
    moveTo({ x: (event.clientX - left) / width, y: (event.clientY - top) / height })
  })
  // Browsers would drag the image below instead.
  canvas.addEventListener('dragstart', (event) => {
    if (!handle.hidden) event.preventDefault()
  })
  // The rendition is made when the handle is released:
  // during the drag, the image would move under the pointer.
  handle.addEventListener('pointerup', () => onPoint(point))
  handle.addEventListener('keydown', (event) => {
    const step = KEYS[event.key]
    if (step === undefined || event.shiftKey) return
    event.preventDefault()
    moveTo({ x: point.x + step.x, y: point.y + step.y })
    onPoint(point)
  })
  // The image moves with the layout and with the zoom.
  new ResizeObserver(place).observe(image)
  new MutationObserver(place).observe(canvas, { attributes: true, attributeFilter: ['style', 'data-view'] })

  return {
    reset() {
      point = { x: 0.5, y: 0.5 }
      show(handle, false)
      toggle.setAttribute('aria-pressed', 'false')
    },
  }
}

/**
 * Returns the rectangle of the image itself, without the space that `object-fit: contain` leaves around it.
 */
function shownPart(image: HTMLImageElement) {
  const box = image.getBoundingClientRect()
  const { naturalWidth, naturalHeight } = image
  if (naturalWidth === 0) return box
  const scale = Math.min(box.width / naturalWidth, box.height / naturalHeight)
  const [width, height] = [naturalWidth * scale, naturalHeight * scale]
  return {
    left: box.left + (box.width - width) / 2,
    top: box.top + (box.height - height) / 2,
    width,
    height,
  }
}
