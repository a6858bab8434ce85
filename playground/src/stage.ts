/**
 * Shows the original and the rendition, either on top of each other with a movable divider, or side by side.
 */

import { splitExplanation } from '@media-proxy/shared/response/explanations.ts'
import { byId, h, show } from './dom.ts'
import type { Shown } from './facts.ts'
import { describeRejection } from './format.ts'
import { type Loaded, release } from './load.ts'

export type View = 'slider' | 'side'

export interface VideoInfo {
  readonly seconds: number
  readonly width: number
  readonly height: number
}

/** Images whose aspect ratios differ by more than this cannot be laid on top of each other. */
const SAME_RATIO = 0.02

export interface Stage {
  showOriginal(loaded: Loaded): Promise<Shown>
  showRendition(loaded: Loaded): Promise<Shown>
  /** Shows a player for an original that is a video or audio. */
  showPlayer(kind: 'video' | 'audio' | undefined, url: string): void
  reject(status: number | undefined, phrase: string): void
  busy(isBusy: boolean): void
}

export function createStage(onVideo: (video: VideoInfo) => void): Stage {
  const canvas = byId('canvas', HTMLDivElement)
  const images = {
    original: byId('original', HTMLImageElement),
    rendition: byId('rendition', HTMLImageElement),
  }
  const clip = byId('clip', HTMLVideoElement)
  const cut = byId('cut', HTMLInputElement)
  const video = byId('video', HTMLVideoElement)
  const audio = byId('audio', HTMLAudioElement)
  const rejection = byId('rejection', HTMLDivElement)
  const views = byId('views', HTMLDivElement)
  const held: { original: Loaded | undefined; rendition: Loaded | undefined } = {
    original: undefined,
    rendition: undefined,
  }
  let selectedView: View = 'slider'
  let player: 'video' | 'audio' | undefined

  const updateLayout = () => {
    const [a, b] = [ratioOf(images.original), ratioOf(images.rendition)]
    // Until both are loaded, the slider view stays, so that nothing has to move.
    const alike = a === undefined || b === undefined || Math.abs(a / b - 1) <= SAME_RATIO
    const isStill = player === undefined && clip.hidden
    const view = selectedView === 'slider' && isStill && alike ? 'slider' : 'side'
    canvas.dataset.view = view
    // The divider covers the images only, not the space around them.
    const ratio = a ?? b
    if (ratio !== undefined) canvas.style.setProperty('--ratio', String(ratio))
    show(cut, view === 'slider')
    // There is no choice when the media move, or have different aspect ratios.
    show(views, isStill && alike)
  }
  const moveCut = () => canvas.style.setProperty('--cut', `${cut.value}%`)
  cut.addEventListener('input', moveCut)
  moveCut()
  renderViews(views, (view) => {
    selectedView = view
    updateLayout()
  })
  video.addEventListener('loadedmetadata', () => {
    const { duration, videoWidth, videoHeight } = video
    onVideo({ seconds: Number.isFinite(duration) ? duration : 0, width: videoWidth, height: videoHeight })
  })

  async function put(which: 'original' | 'rendition', loaded: Loaded): Promise<Shown> {
    const image = images[which]
    const before = held[which]
    held[which] = loaded
    if (loaded.objectUrl === undefined) {
      image.removeAttribute('src')
    } else {
      image.src = loaded.objectUrl
      await image.decode().catch(() => {
        // The browser does not support the format. The caption reports that, and the facts are shown anyway.
        image.removeAttribute('src')
      })
    }
    release(before)
    updateLayout()
    const { naturalWidth: width, naturalHeight: height } = image
    return width === 0 ? { loaded, width: undefined, height: undefined } : { loaded, width, height }
  }

  async function putClip(loaded: Loaded): Promise<Shown> {
    images.rendition.removeAttribute('src')
    release(held.rendition)
    held.rendition = loaded
    const known = new Promise((resolve) => {
      for (const event of ['loadedmetadata', 'error']) clip.addEventListener(event, resolve, { once: true })
    })
    clip.src = loaded.objectUrl ?? loaded.url
    await known
    updateLayout()
    const { videoWidth: width, videoHeight: height } = clip
    return width === 0 ? { loaded, width: undefined, height: undefined } : { loaded, width, height }
  }

  return {
    showOriginal: (loaded) => put('original', loaded),
    async showRendition(loaded) {
      show(rejection, false)
      const isClip = loaded.contentType.startsWith('video/')
      show(images.rendition, !isClip)
      show(clip, isClip)
      if (isClip) return putClip(loaded)
      clip.removeAttribute('src')
      return put('rendition', loaded)
    },
    showPlayer(kind, url) {
      player = kind
      for (const [name, element] of [['video', video] as const, ['audio', audio] as const]) {
        show(element, kind === name)
        if (kind === name) {
          if (element.getAttribute('src') !== url) element.src = url
        } else if (element.hasAttribute('src')) {
          element.removeAttribute('src')
          element.load()
        }
      }
      canvas.dataset.player = kind ?? ''
      updateLayout()
    },
    reject(status, phrase) {
      images.rendition.removeAttribute('src')
      clip.removeAttribute('src')
      show(clip, false)
      rejection.replaceChildren(
        h('strong', {}, status === undefined ? 'No answer' : `${status} ${splitExplanation(phrase).phrase}`),
        h('p', {}, describeRejection(status, phrase)),
      )
      show(rejection, true)
      updateLayout()
    },
    busy: (isBusy) => canvas.setAttribute('aria-busy', String(isBusy)),
  }
}

function ratioOf({ naturalWidth, naturalHeight }: HTMLImageElement): number | undefined {
  return naturalHeight === 0 ? undefined : naturalWidth / naturalHeight
}

function renderViews(container: HTMLElement, onChange: (view: View) => void): void {
  for (const [value, label] of [['slider', 'Slider'] as const, ['side', 'Side by side'] as const]) {
    const input = h('input', { type: 'radio', name: 'view', value, checked: value === 'slider' })
    input.addEventListener('change', () => onChange(value))
    container.append(h('label', {}, input, h('span', {}, label)))
  }
}
