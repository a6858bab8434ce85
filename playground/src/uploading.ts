/** Uploads a file to the store, with its limits, its progress, and a button to stop it. */

import { isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { type Kept, type Session, upload } from './api.ts'
import { byId, h, show } from './dom.ts'
import { formatBytes } from './format.ts'

export interface Uploading {
  /** Sets what may be uploaded, and shows the limit. */
  allow(session: Session): void
  send(file: File): Promise<void>
}

export interface UploadingOptions {
  readonly onKept: (kept: Kept) => void
  readonly onRejected: (status: number | undefined, phrase: string) => void
}

export function createUploading({ onKept, onRejected }: UploadingOptions): Uploading {
  const limit = byId('upload-limit', HTMLParagraphElement)
  const line = byId('upload-line', HTMLDivElement)
  const said = byId('said', HTMLParagraphElement)
  let session: Session | undefined

  return {
    allow(opened) {
      session = opened
      limit.textContent = opened.uploads
        ? `Or drop a file: images, videos and audio, up to ${formatBytes(opened.maxUploadBytes)}.`
        : ''
    },
    async send(file) {
      if (session?.uploads !== true) return onRejected(403, 'Forbidden')
      // Checked before anything is sent: a rejection in the middle of a body may never reach the page.
      if (file.size > session.maxUploadBytes) {
        return onRejected(
          413,
          `Payload Too Large: ${file.name} is larger than the limit of the service: ${file.size.toLocaleString('en')} bytes, at most ${session.maxUploadBytes.toLocaleString('en')}`,
        )
      }
      const cancel = new AbortController()
      const progress = h('progress', { max: file.size, value: 0, 'aria-label': `Sending ${file.name}` })
      const label = h('span', {}, '')
      const stop = h('button', { type: 'button', class: 'quiet' }, 'Stop')
      stop.addEventListener('click', () => cancel.abort())
      line.replaceChildren(progress, label, stop)
      show(line, true)
      said.textContent = `Sending ${file.name}`
      const kept = await upload(file, cancel.signal, (bytes) => {
        progress.value = bytes
        label.textContent = `${formatBytes(bytes)} of ${formatBytes(file.size)}`
      })
      show(line, false)
      said.textContent = isClientFailure(kept) ? '' : `${file.name} is there`
      if (!isClientFailure(kept)) onKept(kept)
      else if (kept.failure !== 'cancelled') onRejected(kept.status, kept.message)
    },
  }
}
