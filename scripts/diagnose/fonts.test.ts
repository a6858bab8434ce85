import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkFonts } from './tools.ts'

it('reports that text in SVG images becomes boxes when no fonts are installed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
  try {
    const file = join(folder, 'fonts.conf')
    await writeFile(file, '<fontconfig><cachedir>/dev/null/none</cachedir></fontconfig>')
    expect(checkFonts(file)).toMatchObject({ check: 'fonts', state: 'warning' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
