/** The controls for videos: the time of the poster on a slider, and the three frames of `/_frames`. */

import type { StillFrame } from '@media-proxy/shared/client/client-answers.ts'
import { type ClientFailure, isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { byId, h, show } from './dom.ts'
import { describeRejection } from './format.ts'
import { createSprite } from './sprite.ts'

export interface VideoControlsOptions {
  readonly onTime: (time: string) => void
  readonly readFrames: () => Promise<readonly StillFrame[] | ClientFailure>
}

export interface VideoControls {
  readonly isVideo: boolean
  reset(): void
  setKind(kind: 'video' | 'audio' | undefined): void
  setDuration(seconds: number): void
  /** Loads the frames from which a time can be chosen. */
  openSheet(base: string, signal: AbortSignal): Promise<void>
  /** Moves the slider to the value of the parameter. */
  setTime(time: string | undefined, durationSeconds: number | undefined): void
}

export function createVideoControls({ onTime, readFrames }: VideoControlsOptions): VideoControls {
  const section = byId('motion', HTMLElement)
  const scrubber = byId('scrubber', HTMLInputElement)
  const control = byId('scrubber-control', HTMLDivElement)
  const output = byId('scrubber-out', HTMLOutputElement)
  const frames = byId('frames', HTMLDivElement)
  const button = byId('frames-button', HTMLButtonElement)
  let isVideo = false
  const sprite = createSprite((seconds) => {
    scrubber.value = String(seconds)
    update()
    onTime(scrubber.value)
  })

  const update = () => {
    output.textContent = `${Number(scrubber.value).toFixed(1)} s`
    sprite.showAt(Number(scrubber.value))
  }
  scrubber.addEventListener('input', () => {
    update()
    onTime(scrubber.value)
  })
  button.addEventListener('click', async () => {
    button.disabled = true
    const answer = await readFrames()
    button.disabled = false
    frames.replaceChildren(...renderFrames(answer))
  })

  return {
    get isVideo() {
      return isVideo
    },
    reset() {
      isVideo = false
      show(section, false)
      frames.replaceChildren()
      sprite.close()
      // Without a duration, the slider is useless.
      show(control, false)
    },
    openSheet: (base, signal) => sprite.open(base, signal),
    setKind(kind) {
      isVideo = kind === 'video'
      show(section, isVideo)
    },
    setDuration(seconds) {
      scrubber.max = String(Math.floor(seconds * 10) / 10)
      show(control, seconds > 0)
    },
    setTime(time, durationSeconds) {
      const percent = /^(\d+)%$/.exec(time ?? '')?.[1]
      const seconds =
        percent === undefined ? Number(time ?? 0) : (Number(percent) / 100) * (durationSeconds ?? 0)
      if (document.activeElement !== scrubber) scrubber.value = String(Number.isNaN(seconds) ? 0 : seconds)
      update()
    },
  }
}

function renderFrames(answer: readonly StillFrame[] | ClientFailure): readonly HTMLElement[] {
  if (isClientFailure(answer)) {
    return [
      h('p', { class: 'hint' }, `${answer.message}: ${describeRejection(answer.status, answer.message)}`),
    ]
  }
  if (answer.length === 0) return [h('p', { class: 'hint' }, 'No frame can be decoded.')]
  return answer.map(({ timestamp, mime_type, base64 }) =>
    h(
      'figure',
      {},
      h('img', { src: `data:${mime_type};base64,${base64}`, alt: `Frame at ${timestamp} seconds` }),
      h('figcaption', {}, `${timestamp} s`),
    ),
  )
}
