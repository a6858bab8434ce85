/**
 * The objects of a new store. They are drawn here, apart from two photographs in the repository, so that
 * nothing has to be downloaded to try the service.
 */

import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PHOTOGRAPHS } from '@media-proxy/origin/paths/paths.ts'
import sharp from 'sharp'
import { chime, dayVideo } from './sample-video.ts'

export const SAMPLE_KEYS = {
  avatar: 'avatars/1/5a6d0c1e',
  animatedAvatar: 'avatars/1/77c0ffee',
  banner: 'banners/1/b4a2e10f',
  emoji: 'emojis/1001',
  sticker: 'stickers/2001',
  photo: 'attachments/1/1/coffee.jpg',
  portrait: 'attachments/1/1/portrait.jpg',
  lying: 'attachments/1/1/harbour.jpg',
  video: 'attachments/1/1/day.mp4',
  audio: 'attachments/1/1/chime.wav',
  theme: 'themes/00c0ffee00c0ffee.css',
} as const

/** Writes the missing samples into `<directory>/cdn`. Existing files are never changed. */
export async function writeSamples(directory: string): Promise<void> {
  await Promise.all(
    ['cdn', 'uploads', 'static'].map((bucket) => mkdir(join(directory, bucket), { recursive: true })),
  )
  const samples = Object.entries(MAKERS).map(async ([name, make]) => {
    const path = join(directory, 'cdn', SAMPLE_KEYS[name as keyof typeof SAMPLE_KEYS])
    if (await exists(path)) return
    await mkdir(dirname(path), { recursive: true })
    // Renamed when complete, so that an interrupted start leaves no partial file behind.
    const unfinished = `${path}.${process.pid}.part`
    const bytes = await make()
    if (bytes === undefined) return
    await writeFile(unfinished, bytes)
    await rename(unfinished, path)
  })
  await Promise.all(samples)
}

const MAKERS: Readonly<Record<keyof typeof SAMPLE_KEYS, () => Promise<Uint8Array | undefined> | Uint8Array>> =
  {
    avatar: () =>
      draw(face('#5865f2', '#ffd166', 0), 400, 300)
        .png()
        .toBuffer(),
    animatedAvatar,
    banner: () => draw(hills(), 1200, 480).jpeg({ quality: 90 }).toBuffer(),
    emoji: () =>
      draw(face('none', '#ffcc33', 0), 128, 128)
        .png()
        .toBuffer(),
    sticker: () => draw(speech(), 400, 200).webp({ quality: 90 }).toBuffer(),
    photo: () => photograph('coffee.jpg'),
    portrait: () => photograph('portrait.jpg'),
    lying: lyingImage,
    video: dayVideo,
    audio: chime,
    theme: () => Buffer.from(':root { --brand: #5865f2; --background: #1e1f22; --text: #dbdee1; }\n'),
  }

function photograph(name: string): Promise<Uint8Array> {
  return readFile(join(PHOTOGRAPHS, name))
}

/** Returns an image stored on its side with EXIF orientation 6, as from a phone held upright. */
async function lyingImage(): Promise<Uint8Array> {
  const upright = await draw(hills(), 1600, 1200).png().toBuffer()
  return sharp(upright).rotate(-90).withMetadata({ orientation: 6 }).jpeg({ quality: 90 }).toBuffer()
}

const ANIMATION_SIDE_PIXELS = 256
const ANIMATION_DELAYS_MS = [90, 90, 90, 90, 90, 90, 90, 400]

async function animatedAvatar(): Promise<Uint8Array> {
  const side = ANIMATION_SIDE_PIXELS
  const frames = await Promise.all(
    ANIMATION_DELAYS_MS.map((_, index) =>
      draw(face('#3ba55d', '#ffd166', (index / ANIMATION_DELAYS_MS.length) * 360), side, side)
        .ensureAlpha()
        .raw()
        .toBuffer(),
    ),
  )
  const raw = { width: side, height: side * frames.length, channels: 4, pageHeight: side } as const
  return sharp(Buffer.concat(frames), { raw }).gif({ loop: 0, delay: ANIMATION_DELAYS_MS }).toBuffer()
}

function draw(svg: string, width: number, height: number) {
  return sharp(Buffer.from(svg)).resize(width, height, { fit: 'cover' })
}

function face(background: string, skin: string, degrees: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" width="800" height="800">
    <rect width="200" height="200" fill="${background}"/>
    <g transform="rotate(${degrees} 100 100)">
      <circle cx="100" cy="100" r="62" fill="${skin}"/>
      <circle cx="78" cy="88" r="9" fill="#222"/><circle cx="122" cy="88" r="9" fill="#222"/>
      <path d="M66 116 Q100 150 134 116" fill="none" stroke="#222" stroke-width="9" stroke-linecap="round"/>
    </g></svg>`
}

function hills(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" width="1600" height="1200">
    <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="#274690"/><stop offset="1" stop-color="#f9c784"/></linearGradient></defs>
    <rect width="400" height="300" fill="url(#sky)"/><circle cx="290" cy="120" r="34" fill="#fff3b0"/>
    <path d="M0 210 L90 110 L170 200 L250 130 L400 230 V300 H0 Z" fill="#1b3a4b"/>
    <path d="M0 250 Q100 220 200 250 T400 245 V300 H0 Z" fill="#0b525b"/></svg>`
}

function speech(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100" width="800" height="400">
    <path d="M20 10 H180 Q195 10 195 25 V60 Q195 75 180 75 H80 L50 95 L55 75 H20 Q5 75 5 60 V25 Q5 10 20 10 Z" fill="#eb459e"/>
    <circle cx="60" cy="43" r="9" fill="#fff"/><circle cx="100" cy="43" r="9" fill="#fff"/><circle cx="140" cy="43" r="9" fill="#fff"/></svg>`
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
