/** Makes the README's image of the playground with a browser. It is a part of `pnpm pictures`. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { PLAYGROUND_SERVICES } from '../playground/services.ts'
import { CHROMIUM, NO_CHROMIUM, openBrowser } from './chromium.ts'

const FOLDER = join(import.meta.dirname, '../../docs/pictures')

if (CHROMIUM === undefined) {
  console.log(`no screenshots: ${NO_CHROMIUM}`)
} else {
  const service = await PLAYGROUND_SERVICES[0]?.[1]()
  if (service === undefined) throw new Error('there is no service')
  const browser = await openBrowser()
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1240, height: 860 } })
    await page.goto(
      `${service.url}/_playground#source=/attachments/1/1/coffee.jpg&width=480&format=avif&quality=40`,
    )
    await page.waitForLoadState('networkidle')
    const file = `playground-${colorScheme}.webp`
    await writeFile(
      join(FOLDER, file),
      await sharp(await page.screenshot())
        .webp({ quality: 80 })
        .toBuffer(),
    )
    console.log(`wrote docs/pictures/${file}`)
  }
  await browser.close()
  await service.close()
}
