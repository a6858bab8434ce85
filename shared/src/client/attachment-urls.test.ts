import { describe, expect, it } from 'vitest'
import { createAttachmentUrls } from './attachment-urls.ts'

const SECRET = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
const PATH = '1544725486800732163/1544971349200470016/cat.gif'
const at = (seconds: number) =>
  createAttachmentUrls({ baseUrl: 'https://m.example.com/', secret: SECRET, now: () => seconds * 1000 })

describe('signed URLs of attachments', () => {
  it('match the contract', async () => {
    expect(await at(0x6a9920b1).sign(PATH)).toBe(
      `https://m.example.com/attachments/${PATH}?ex=6a9a7231&is=6a9920b1` +
        '&hm=2f82fafd058d10847affccc91735bc5b95753f4081f4da68ae054c221d674f27',
    )
  })

  it('are identical within an interval of the grid, and valid for at least 12 hours', async () => {
    const start = 0x6a9920b1
    const first = await at(start + 1).sign(PATH)
    expect(await at(start + 43_199).sign(PATH)).toBe(first)
    const next = new URL(await at(start + 43_200).sign(PATH)).searchParams
    expect(Number.parseInt(next.get('is') ?? '', 16)).toBe(start + 43_200)
    expect(Number.parseInt(next.get('ex') ?? '', 16)).toBe(start + 43_200 + 86_400)
  })

  it('use a grid from 0 when the id is not a snowflake, and the first interval before the id was created', async () => {
    const issued = async (path: string, seconds: number) =>
      Number.parseInt(new URL(await at(seconds).sign(path)).searchParams.get('is') ?? '', 16)
    expect(await issued('1/2/a.png', 1_800_000_000)).toBe(1_799_971_200)
    expect(await issued(PATH, 0x6a9920b1 - 5)).toBe(0x6a9920b1)
  })

  it('accept parameters, which the signature does not cover', async () => {
    const plain = new URL(await at(0x6a9920b1).sign('1/2/ü ä.png'))
    const small = new URL(await at(0x6a9920b1).sign('1/2/ü ä.png', { width: 64, format: 'webp' }))
    expect(small.pathname).toBe('/attachments/1/2/%C3%BC%20%C3%A4.png')
    expect(small.searchParams.get('hm')).toBe(plain.searchParams.get('hm'))
    expect(small.search).toMatch(/&width=64&format=webp$/)
  })

  it('for a data package never expire', async () => {
    expect(await at(1_800_000_000).signForDataPackage(PATH)).toMatch(
      /\?ex=0&is=6b49d200&hm=[0-9a-f]{64}&uc=dp$/,
    )
  })

  it.each(['../x', '', 'a//b', 'a\\b'])('are not created for %j', async (path) => {
    await expect(at(0).sign(path)).rejects.toThrow(RangeError)
  })
})
