import { describe, expect, it } from 'vitest'
import { openSignedPlayground } from '../playground/services.ts'
import { CHROMIUM, NO_CHROMIUM } from './chromium.ts'
import { usePlayground } from './playground-page.ts'

if (CHROMIUM === undefined) console.warn(`skipped: ${NO_CHROMIUM}`)

describe.skipIf(CHROMIUM === undefined)('the playground, when attachments require a signature', () => {
  const { openPage } = usePlayground(openSignedPlayground)

  it('explains why it shows no attachments, and shows everything else', async () => {
    const { page, close } = await openPage()
    await expect
      .poll(() => page.textContent('#rejection'))
      .toBe(
        '404 Not FoundAttachments have to be signed here (attachmentSignatures), and this page signs none.',
      )
    await page.click('.sample[data-source^="/avatars/"]')
    await page.waitForFunction(
      () => (document.querySelector<HTMLImageElement>('#rendition')?.naturalWidth ?? 0) > 0,
    )
    await close()
  })
})
