/** Tests the sizes of SVGs: as large as requested, and by default as large as browsers show them. */

import { gzipSync } from 'node:zlib'
import { iconOf, plainIcon } from '@media-proxy/origin/media/icons.test-data.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
const drawing = (attributes: string, content = '<rect width="100%" height="100%" fill="#00ff00"/>') =>
  Buffer.from(`<svg ${NAMESPACE} ${attributes}>${content}</svg>`)

const GREEN = [0, 255, 0, 255]

/** Intrinsic sizes, as in Chromium 156. */
const SIZES: Readonly<Record<string, readonly [Buffer, width: number, height: number]>> = {
  'a viewBox alone': [drawing('viewBox="0 0 24 24"'), 150, 150],
  'a viewBox of one unit': [drawing('viewBox="0 0 1 1"'), 150, 150],
  'a wide viewBox': [drawing('viewBox="0 0 1000 10"'), 300, 3],
  'a huge viewBox': [drawing('viewBox="0,0 100000,60000"'), 250, 150],
  nothing: [drawing(''), 300, 150],
  'a width': [drawing('width="100"'), 100, 150],
  'a width and a viewBox': [drawing('width="100" viewBox="0 0 24 48"'), 100, 200],
  'a height and a viewBox': [drawing('height="100" viewBox="0 0 24 48"'), 50, 100],
  'shares of what surrounds it': [drawing('width="100%" height="50%" viewBox="0 0 24 12"'), 300, 150],
  millimetres: [drawing('width="50mm" height="30mm"'), 189, 113],
  'centimetres and inches': [drawing('width="2cm" height="1in"'), 76, 96],
  'points and picas': [drawing('width="50pt" height="5pc"'), 67, 80],
  ems: [drawing('width="10em" height="5em"'), 160, 80],
  'ems of its own font': [drawing('font-size="20" width="10em" height="5em"'), 200, 100],
  'a viewBox that is stretched': [drawing('viewBox="0 0 24 24" preserveAspectRatio="none"'), 300, 150],
  pixels: [drawing('width="60px" height="40"'), 60, 40],
  'a style sheet': [drawing('width="20" height="10" style="width:80px;height:80px"'), 20, 10],
}

const PREFIXED =
  '<s:svg xmlns:s="http://www.w3.org/2000/svg" width="60" height="40"><s:rect width="60" height="40" fill="#00ff00"/></s:svg>'
const PLAIN = drawing('width="60" height="40"')
const utf16 = (text: string) => Buffer.from(`\uFEFF<?xml version="1.0" encoding="UTF-16"?>${text}`, 'utf16le')
const CLOTHES: Readonly<Record<string, Buffer>> = {
  'UTF-16, little end first': utf16(PLAIN.toString()),
  'UTF-16, big end first': utf16(PLAIN.toString()).swap16(),
  'UTF-8 with a byte order mark': Buffer.from(`\uFEFF${PLAIN}`),
  'Latin-1': Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?><!-- \xe9 -->${PLAIN}`, 'latin1'),
  compressed: gzipSync(PLAIN),
  'compressed, with bytes behind': Buffer.concat([gzipSync(PLAIN), Buffer.from('junk')]),
  'XML 1.1': Buffer.from(`\uFEFF<?xml version='1.1' encoding="UTF-8"?>${PLAIN}`),
  'UTF-8 that calls itself UTF-16': Buffer.from(`<?xml version="1.0" encoding="UTF-16"?>${PLAIN}`),
  'a namespace without a scheme': drawing(
    'width="60" height="40"',
    '<metadata><x xmlns="y"/></metadata><rect xml:space="none" width="100%" height="100%" fill="#00ff00"/>',
  ),
  'a namespace by an entity': Buffer.from(
    `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]><svg xmlns="&ns;" width="60" height="40"><rect width="60" height="40" fill="#00ff00"/></svg>`,
  ),
  'a prefix': Buffer.from(PREFIXED),
  'a long comment': Buffer.from(`<?xml version="1.0"?><!-- ${'licence '.repeat(300)} -->${PLAIN}`),
}

describe('SVG drawings', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    const all = [
      ...Object.entries(SIZES).map(([name, [bytes]]) => [name, bytes] as const),
      ...Object.entries(CLOTHES),
      ['bomb', gzipSync(Buffer.concat([PLAIN, Buffer.alloc(20_000_000, 32)]))] as const,
    ]
    for (const [name, bytes] of all) {
      await service.put(`attachments/1/${keyOf(name)}`, bytes)
      for (const folder of ['avatars/1', 'stickers', 'emojis'])
        await service.put(`${folder}/${keyOf(name)}`, bytes)
      await service.put(keyOf(name), bytes, undefined, 'uploads')
    }
  })
  afterAll(() => service.close())

  async function sizeAt(path: string): Promise<readonly [number, number]> {
    const { status, body } = await send(service.url, path)
    expect([path, status]).toEqual([path, 200])
    const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
    const centre = ((info.height >> 1) * info.width + (info.width >> 1)) * info.channels
    expect(
      [data[centre], data[centre + 1], data[centre + 2]].map((value = 0) => Math.round(value / 16)),
    ).toEqual([0, 16, 0])
    return [info.width, info.height]
  }
  const metadata = (file: string) =>
    send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: file, isNSFWAllowed: true }),
    })

  it.each(Object.entries(SIZES))(
    'with %s have the same size as in browsers',
    async (name, [, width, height]) => {
      expect(await sizeAt(`/attachments/1/${keyOf(name)}`)).toEqual([width, height])
      const { body } = await metadata(keyOf(name))
      expect(JSON.parse(body.toString())).toMatchObject({ format: 'svg', width, height })
    },
  )

  it.each([
    ['/avatars/1/f_a_viewBox_alone.webp?size=256', 256, 256],
    ['/avatars/1/f_a_viewBox_alone.svg', 128, 128],
    ['/avatars/1/f_a_width_and_a_viewBox.png?size=300', 300, 600],
    ['/avatars/1/f_pixels.webp?size=64&dpr=2', 128, 85],
    ['/emojis/f_a_viewBox_alone.webp?size=512', 512, 512],
    ['/stickers/f_a_width_and_a_viewBox.webp?size=320', 320, 320],
    ['/attachments/1/f_a_viewBox_alone?width=1000', 1000, 1000],
    ['/attachments/1/f_a_width_and_a_viewBox?height=1000', 500, 1000],
    ['/attachments/1/f_a_width_and_a_viewBox?width=300&height=300', 300, 300],
    ['/attachments/1/f_a_width_and_a_viewBox?width=300&height=300&fit=inside', 150, 300],
    ['/attachments/1/f_a_viewBox_alone?width=20', 20, 20],
  ] as const)('are drawn at the requested size: %s', async (path, width, height) => {
    expect(await sizeAt(path)).toEqual([width, height])
  })

  it('are drawn at their new size, not scaled up', async () => {
    const circle = drawing('viewBox="0 0 24 24"', '<circle cx="12" cy="12" r="10"/>')
    await service.put('avatars/1/circle', circle)
    const { body } = await send(service.url, '/avatars/1/circle.png?size=1024')
    const alpha = await sharp(body).extractChannel(3).raw().toBuffer()
    // The edge of a circle is one pixel wide, so it has 2πr pixels.
    expect(alpha.filter((value) => value > 0 && value < 255).length).toBeLessThan(6000)
  })

  it('are limited by their cost', async () => {
    const { status, body } = await send(service.url, '/avatars/1/f_pixels.png?size=16384')
    expect([status, body.toString()]).toEqual([400, 'Image dimensions too large'])
  })

  it.each(Object.keys(CLOTHES))('in %s are drawn', async (name) => {
    expect(await sizeAt(`/attachments/1/${keyOf(name)}`)).toEqual([60, 40])
    expect(await sizeAt(`/avatars/1/${keyOf(name)}.webp?size=240`)).toEqual([240, 160])
    const { body } = await metadata(keyOf(name))
    expect(JSON.parse(body.toString())).toMatchObject({ format: 'svg', width: 60, height: 40 })
  })

  it('support custom properties', async () => {
    const style = '--a:#00ff00;--b:var(--a)'
    const content = '<style>:root{--c:lime}.c{fill:var(--c)}</style><rect class="c" width="20" height="40"/>'
    const others = ['var(--b)', 'var(--none, rgb(0, 255, 0))'].map(
      (fill, index) => `<rect x="${20 + 20 * index}" width="20" height="40" fill="${fill}"/>`,
    )
    await service.put(
      'attachments/1/variables',
      drawing(`width="60" height="40" style="${style}"`, content + others.join('')),
    )
    const { body } = await send(service.url, '/attachments/1/variables?format=png')
    const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
    for (const x of [10, 30, 50])
      expect([...data.subarray(x * info.channels, x * info.channels + 3)]).toEqual([0, 255, 0])
  })

  it('that switch by language are in English', async () => {
    const parts = ['de', 'en', 'fr'].map(
      (language, index) =>
        `<rect systemLanguage="${language}" width="8" height="8" fill="${['red', 'lime', 'blue'][index]}"/>`,
    )
    await service.put(
      'attachments/1/language.svg',
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><switch>${parts.join('')}</switch></svg>`,
      ),
    )
    const { body } = await send(service.url, '/attachments/1/language.svg?format=png')
    expect([...(await sharp(body).removeAlpha().raw().toBuffer()).subarray(0, 3)]).toEqual([0, 255, 0])
  })

  it('with endlessly growing properties are drawn without them', async () => {
    const names = Array.from(
      { length: 30 },
      (_, index) => `--x${index}:${`var(--x${index + 1}) `.repeat(40)}`,
    )
    await service.put(
      'attachments/1/growing',
      drawing(`viewBox="0 0 1 1" style="${names.join(';')};fill:var(--x0)"`),
    )
    expect(await sizeAt('/attachments/1/growing')).toEqual([150, 150])
  })

  it.each(['webp', 'gif', 'avif', 'png'] as const)('show an embedded image: %s', async (format) => {
    const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#00ff00' } })
      .toFormat(format, { lossless: true })
      .toBuffer()
    const href = `data:image/${format};base64,${image.toString('base64')}`
    await service.put(
      `attachments/1/in-${format}`,
      drawing('width="8" height="8"', `<image width="8" height="8" href="${href}"/>`),
    )
    expect(await sizeAt(`/attachments/1/in-${format}`)).toEqual([8, 8])
  })

  it.each([
    ['of another type', 'image/png;base64', 'base64'],
    ['of no type', ';base64', 'base64'],
    ['with a character set', 'image/webp;charset=utf-8;base64', 'base64'],
    ['with escapes', 'image/webp;base64', 'escaped'],
  ] as const)('show an embedded image %s', async (name, type, coding) => {
    const embedded = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#00ff00' } })
      .webp({ lossless: true })
      .toBuffer()
    const base64 = embedded.toString('base64')
    const data = coding === 'escaped' ? encodeURIComponent(base64) : base64
    const image = `<image width="60" height="40" preserveAspectRatio="none" href="data:${type},${data}"/>`
    expect(await middleOf(name, drawing('width="60" height="40"', image))).toEqual(GREEN)
    const nested = drawing('width="60" height="40"', image).toString('base64')
    const outer = `<image width="60" height="40" href="data:image/svg+xml;base64,${nested}"/>`
    expect(await middleOf(`nested ${name}`, drawing('width="60" height="40"', outer))).toEqual(GREEN)
  })

  it.each(['bitmap', 'PNG'] as const)('show an embedded icon of a %s', async (coding) => {
    const png = sharp({ create: { width: 8, height: 8, channels: 3, background: '#00ff00' } }).png()
    const icon =
      coding === 'bitmap'
        ? plainIcon(8, 8, [0, 255, 0])
        : iconOf([{ width: 8, height: 8, image: await png.toBuffer() }])
    const href = `data:image/x-icon;base64,${icon.toString('base64')}`
    const image = `<image width="60" height="40" preserveAspectRatio="none" href="${href}"/>`
    expect(await middleOf(`icon of ${coding}`, drawing('width="60" height="40"', image))).toEqual(GREEN)
  })

  it.each(['jpeg', 'png'] as const)('rotate an embedded %s by its EXIF orientation', async (format) => {
    const pixels = Buffer.from([...Array(16).keys()].flatMap((x) => (x < 8 ? [255, 0, 0] : [0, 255, 0])))
    const embedded = await sharp(pixels, { raw: { width: 16, height: 1, channels: 3 } })
      .resize(16, 16, { kernel: 'nearest', fit: 'fill' })
      .withMetadata({ orientation: 6 })
      .toFormat(format, { quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer()
    const href = `data:image/${format};base64,${embedded.toString('base64')}`
    // The centre is to the left of the image's centre, and below it.
    const image = `<image x="10" y="-16" width="60" height="60" href="${href}"/>`
    const [red = 0, green = 0] = await middleOf(`turned ${format}`, drawing('width="60" height="40"', image))
    expect([red < 40, green > 215]).toEqual([true, true])
  })

  it('apply the colour profile of an embedded image', async () => {
    const embedded = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#00ff00' } })
      .withIccProfile('p3')
      .png()
      .toBuffer()
    const href = `data:image/png;base64,${embedded.toString('base64')}`
    const image = `<image width="60" height="40" preserveAspectRatio="none" href="${href}"/>`
    const shown = await middleOf('of display p3', drawing('width="60" height="40"', image))
    const farthest = Math.max(...shown.map((value, at) => Math.abs(value - (GREEN[at] ?? 0))))
    expect(farthest).toBeLessThan(8)
  })

  it.each([
    [4, 400],
    [5, 333],
    [400, 3],
  ])('of %i x %i pixels are drawn up to their edges', async (width, height) => {
    const name = `narrow ${width}`
    await service.put(`attachments/1/${keyOf(name)}`, drawing(`width="${width}" height="${height}"`))
    const { body } = await send(service.url, `/attachments/1/${keyOf(name)}?format=png`)
    const data = await sharp(body).ensureAlpha().raw().toBuffer()
    expect(data.length).toBe(width * height * 4)
    expect([[...data.subarray(0, 4)], [...data.subarray(-4)]]).toEqual([GREEN, GREEN])
  })

  it.each([
    'background:#0f0',
    'fill:red; background-color: rgb(0, 255, 0)',
    'background: light-dark(#00ff00, var(--dark, #000))',
    'background: Lime !important; fill-opacity: .2',
  ])('have the background of their style: %s', async (style) => {
    for (const [name, viewBox] of [
      ['near', '-5 -5 10 90'],
      ['far', '5000 -7000 10 90'],
    ] as const) {
      const attributes = `width="60" height="40" viewBox="${viewBox}" style="${style}"`
      const content = '<style>rect{display:none}</style>'
      expect(await middleOf(`${name} ${style}`, drawing(attributes, content))).toEqual(GREEN)
    }
  })

  it.each(['unset', 'initial', 'inherit;fill:#00f', 'Canvas', 'none', 'url(#a) red'])(
    'have no background when it is not a colour: %s',
    async (background) => {
      const attributes = `width="60" height="40" style="background:${background}"`
      expect((await middleOf(`none ${background}`, drawing(attributes, '<g/>')))[3]).toBe(0)
    },
  )

  it.each([
    ['JPEG called image/jpg', 'jpeg', 'image/jpg'],
    ['PNG called image/webp', 'png', 'image/webp'],
    ['WebP', 'webp', 'image/webp'],
  ] as const)('show an image with encoded line breaks: %s', async (name, format, type) => {
    const embedded = await sharp({ create: { width: 60, height: 40, channels: 3, background: '#00ff00' } })
      .toFormat(format, { quality: 100, lossless: true })
      .toBuffer()
    const data = embedded.toString('base64').replace(/.{40}/g, '$&&#10;')
    const image = `<image width="60" height="40" href="data:${type};base64,${data}"/>`
    const [red = 255, green = 0, blue = 255] = await middleOf(
      `lines ${name}`,
      drawing('width="60" height="40"', image),
    )
    expect([red < 4, green > 250, blue < 4]).toEqual([true, true, true])
  })

  it('leave an embedded drawing intact, whatever quotes it has', async () => {
    const inner = `%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%2260%22 height=%2240%22%3E%3Crect width=%2260%22 height=%2240%22 style=%22font-family:'a';fill:%2300ff00%22/%3E%3Cimage href='data:image/webp;base64,AAAA'/%3E%3C/svg%3E`
    const image = `<image width="60" height="40" href="data:image/svg+xml,${inner}"/>`
    expect(await middleOf('quotes', drawing('width="60" height="40"', image))).toEqual(GREEN)
  })

  it('with rules that never open are scanned only once', async () => {
    const content = `<style>${'@media '.repeat(120_000)}</style><rect width="60" height="40" fill="#0f0"/>`
    expect(await middleOf('never', drawing('width="60" height="40"', content))).toEqual(GREEN)
  })

  it('with a data URL of a million parameters cause no exception', async () => {
    const content = `<image href="data:${';a'.repeat(1_000_000)},"/><rect width="60" height="40" fill="#0f0"/>`
    expect(await middleOf('parameters', drawing('width="60" height="40"', content))).toEqual(GREEN)
  })

  it.each([
    ['screen', true],
    ['only screen and (min-width: 10px)', true],
    ['print, (prefers-color-scheme:light)', true],
    ['not print', true],
    ['(min-width: 100px)', false],
    ['(prefers-color-scheme: dark)', false],
  ])('apply the rules for %s: %s', async (query, isFollowed) => {
    const style = `<style>rect{fill:red}@media ${query}{rect{fill:#0f0}}</style>`
    const content = `${style}<rect width="60" height="40"/>`
    const wanted = isFollowed ? GREEN : [255, 0, 0, 255]
    expect(await middleOf(query, drawing('width="60" height="40"', content))).toEqual(wanted)
  })

  async function middleOf(name: string, bytes: Buffer): Promise<readonly number[]> {
    await service.put(`attachments/1/${keyOf(name)}`, bytes)
    const { status, body } = await send(service.url, `/attachments/1/${keyOf(name)}?format=png`)
    expect(status).toBe(200)
    const { data, info } = await sharp(body).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    const at = (Math.floor(info.height / 2) * info.width + Math.floor(info.width / 2)) * 4
    return [...data.subarray(at, at + 4)]
  }

  it('show an embedded image of ten megabytes', async () => {
    const pixels = Buffer.from(
      Uint8Array.from({ length: 2800 * 1400 * 3 }, (_, at) => (at % 3 === 1 ? 255 : 4 * Math.random())),
    )
    const png = await sharp(pixels, { raw: { width: 2800, height: 1400, channels: 3 } })
      .png({ compressionLevel: 0 })
      .toBuffer()
    expect(png.length).toBeGreaterThan(10_000_000)
    const href = `data:image/png;base64,${png.toString('base64')}`
    await service.put(
      'attachments/1/large',
      drawing('width="28" height="14"', `<image width="28" height="14" href="${href}"/>`),
    )
    expect(await sizeAt('/attachments/1/large?width=28')).toEqual([28, 14])
  })

  it('that decompress to a thousand times their size are rejected', async () => {
    const { status, body } = await send(service.url, '/attachments/1/f_bomb')
    expect([status, body.toString()]).toEqual([400, 'Image dimensions too large'])
  })
})

function keyOf(name: string): string {
  return `f_${name.replace(/[^A-Za-z0-9]/g, '_')}`
}
