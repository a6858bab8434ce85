/** What this page may do: its session with the service, and the secret that allows more. */

import { isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { openSession, type Session, useSecret } from './api.ts'
import { byId, show } from './dom.ts'

export interface Access {
  /** Undefined until the service has answered, and when it rejects the page. */
  readonly session: Session | undefined
  /** Resolves once the service has answered. */
  readonly opened: Promise<void>
  /** Shows the field for the secret. */
  askForSecret(): void
}

export interface AccessOptions {
  readonly onOpened: (session: Session) => void
  /** Called when a secret was entered, after which the service is asked again. */
  readonly onSecret: () => void
}

export function createAccess({ onOpened, onSecret }: AccessOptions): Access {
  const badge = byId('access', HTMLParagraphElement)
  const secretField = byId('secret-field', HTMLDivElement)
  let session: Session | undefined

  async function open(): Promise<void> {
    const answer = await openSession()
    if (isClientFailure(answer)) {
      badge.textContent = 'read only'
      return
    }
    session = answer
    badge.textContent = answer.trusted ? (answer.uploads ? 'local' : 'unlocked') : 'read only'
    byId('upload-button', HTMLLabelElement).toggleAttribute('data-locked', !answer.uploads)
    show(secretField, !answer.trusted)
    onOpened(answer)
  }

  let opened = open()
  byId('secret-use', HTMLButtonElement).addEventListener('click', () => {
    useSecret(byId('secret', HTMLInputElement).value)
    opened = open()
    onSecret()
  })
  return {
    get session() {
      return session
    },
    get opened() {
      return opened
    },
    askForSecret: () => show(secretField, true),
  }
}
