/**
 * Zooms the original and the rendition together: with Ctrl and the wheel (which is also how a pinch on a
 * touchpad arrives), with two fingers, with keys, and with buttons. The divider between them stays in place.
 */

import { byId } from './dom.ts'

const MOST = 16
const STEP = 1.25
/** From this scale on, single pixels are visible. */
const CLOSE = 4
/** The fraction of the image's side that a key moves it by. */
const PAN_STEP = 0.1

export interface Zoom {
  reset(): void
}

interface Point {
  readonly x: number
  readonly y: number
}

export function createZoom(canvas: HTMLElement): Zoom {
  const whole = byId('zoom-reset', HTMLButtonElement)
  const image = byId('rendition', HTMLImageElement)
  const fingers = new Map<number, Point>()
  let scale = 1
  /** The offset of the image's centre from the middle, in fractions of its shown sides. */
  let centre: Point = { x: 0, y: 0 }

  function apply(): void {
    const max = (scale - 1) / 2
    const within = (value: number) => Math.min(max, Math.max(-max, value))
    centre = { x: within(centre.x), y: within(centre.y) }
    canvas.style.setProperty('--zoom', String(scale))
    canvas.style.setProperty('--pan-x', `${centre.x * 100}%`)
    canvas.style.setProperty('--pan-y', `${centre.y * 100}%`)
    canvas.dataset.close = String(scale >= CLOSE)
    whole.textContent = `${Math.round(scale * 100)} %`
    whole.setAttribute('aria-label', `${whole.textContent}: show the whole picture`)
  }

  /** Zooms and keeps the point `at` in place. */
  function zoomBy(factor: number, at: Point = { x: 0, y: 0 }): void {
    const next = Math.min(MOST, Math.max(1, scale * factor))
    const grown = next / scale
    centre = { x: at.x + (centre.x - at.x) * grown, y: at.y + (centre.y - at.y) * grown }
    scale = next
    apply()
  }

  function panBy(x: number, y: number): void {
    centre = { x: centre.x + x, y: centre.y + y }
    apply()
  }

  /** Returns the sides of the image as shown without zoom. Fractions refer to them. */
  function sides(): { readonly width: number; readonly height: number } {
    const { offsetWidth, offsetHeight } = image
    return { width: offsetWidth || canvas.offsetWidth, height: offsetHeight || canvas.offsetHeight }
  }

  /** Converts a point of the page to an offset from the middle of the image, in fractions of its sides. */
  function pointAt({ x, y }: Point): Point {
    const { left, top } = canvas.getBoundingClientRect()
    const { width, height } = sides()
    return {
      x: (x - left - canvas.offsetWidth / 2) / width,
      y: (y - top - canvas.offsetHeight / 2) / height,
    }
  }

  canvas.addEventListener(
    'wheel',
    (event) => {
      const { width, height } = sides()
      if (event.ctrlKey || event.metaKey) {
        zoomBy(Math.exp(-event.deltaY / 200), pointAt({ x: event.clientX, y: event.clientY }))
      } else if (scale > 1) {
        panBy(-event.deltaX / width, -event.deltaY / height)
      } else {
        return
      }
      event.preventDefault()
    },
    { passive: false },
  )

  // Handled before the slider between the images, whose divider would move with the first of two fingers.
  canvas.addEventListener('pointerdown', (event) => {
    if (event.pointerType === 'touch') fingers.set(event.pointerId, { x: event.clientX, y: event.clientY })
  })
  canvas.addEventListener('pointermove', (event) => {
    const before = [...fingers.values()]
    if (!fingers.has(event.pointerId)) return
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY })
    const [first, second] = before
    const [now, other] = [...fingers.values()]
    if (first === undefined || second === undefined || now === undefined || other === undefined) return
    const [from, to] = [middleOf(first, second), middleOf(now, other)]
    const { width, height } = sides()
    zoomBy(distanceOf(now, other) / Math.max(1, distanceOf(first, second)), pointAt(to))
    panBy((to.x - from.x) / width, (to.y - from.y) / height)
    event.preventDefault()
  })
  for (const name of ['pointerup', 'pointercancel'] as const) {
    window.addEventListener(name, (event) => fingers.delete(event.pointerId))
  }

  byId('stage', HTMLElement).addEventListener('keydown', (event) => {
    const isTyped = event.target instanceof HTMLInputElement && event.target.type !== 'range'
    if (event.ctrlKey || event.metaKey || event.altKey || isTyped || !onKey(event)) return
    event.preventDefault()
  })

  function onKey({ key, shiftKey }: KeyboardEvent): boolean {
    switch (key) {
      case '+':
      case '=':
        zoomBy(STEP)
        return true
      case '-':
        zoomBy(1 / STEP)
        return true
      case '0':
        reset()
        return true
    }
    const step = PAN_STEPS[key]
    if (step === undefined || !shiftKey || scale === 1) return false
    panBy(...step)
    return true
  }

  function reset(): void {
    scale = 1
    apply()
  }

  byId('zoom-in', HTMLButtonElement).addEventListener('click', () => zoomBy(STEP))
  byId('zoom-out', HTMLButtonElement).addEventListener('click', () => zoomBy(1 / STEP))
  whole.addEventListener('click', reset)
  apply()
  return { reset }
}

/** Shift and an arrow move the view in that direction, so the image moves in the opposite one. */
const PAN_STEPS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [PAN_STEP, 0],
  ArrowRight: [-PAN_STEP, 0],
  ArrowUp: [0, PAN_STEP],
  ArrowDown: [0, -PAN_STEP],
}

function middleOf(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
}

function distanceOf(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}
