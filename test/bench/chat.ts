/** A small model of a chat product: its stored objects, and the requests of its clients. */

import sharp from 'sharp'
import { animatedGif } from '../fixtures.ts'
import { seededRandom } from '../seeded-random.ts'
import { FFMPEG, makeVideo } from '../videos.ts'
import type { BenchService } from './service.ts'

type Kind = 'avatar' | 'emoji' | 'attachment' | 'animation' | 'video'

interface KindOfObject {
  /** The share of all objects. */
  readonly share: number
  readonly key: (index: number) => string
  /** Returns the paths that clients request for one object. */
  readonly paths: (index: number) => readonly string[]
}

const KINDS: Readonly<Record<Kind, KindOfObject>> = {
  avatar: {
    share: 0.55,
    key: (index) => `avatars/${index}/a${index}`,
    paths: (index) => [40, 80, 128].map((size) => `/avatars/${index}/a${index}.webp?size=${size}`),
  },
  emoji: {
    share: 0.2,
    key: (index) => `emojis/${index}`,
    paths: (index) => [48, 96].map((size) => `/emojis/${index}.webp?size=${size}`),
  },
  attachment: {
    share: 0.17,
    key: (index) => `attachments/1/${index}.jpg`,
    paths: (index) => [400, 550].map((width) => `/attachments/1/${index}.jpg?width=${width}&format=webp`),
  },
  animation: {
    share: 0.05,
    key: (index) => `attachments/2/${index}.gif`,
    paths: (index) => [`/attachments/2/${index}.gif?width=160&animated=true&format=webp`],
  },
  video: {
    share: 0.03,
    key: (index) => `attachments/3/${index}.mp4`,
    paths: (index) => [`/attachments/3/${index}.mp4?format=webp&width=400`],
  },
}

const OBJECTS = 2000
/** The number of different images of a kind. Each object is still stored separately. */
const VARIANTS = 8

export interface Chat {
  /**
   * The paths by the popularity of their objects, the most
   * popular first. The sizes of one object are grouped.
   */
  readonly objects: readonly { readonly kind: Kind; readonly paths: readonly string[] }[]
}

/** Fills the store of a service. Without FFmpeg there are no videos. */
export async function fillChat(service: BenchService): Promise<Chat> {
  const media = await makeMedia()
  const kinds = Object.keys(KINDS) as Kind[]
  const objects: Chat['objects'][number][] = []
  for (const kind of kinds) {
    const variants = media[kind]
    if (variants.length === 0) continue
    const { share, key, paths } = KINDS[kind]
    for (let index = 0; index < OBJECTS * share; index += 1) {
      await service.put(`cdn/${key(index)}`, variants[index % variants.length] ?? Buffer.alloc(0))
      objects.push({ kind, paths: paths(index) })
    }
  }
  return { objects: shuffle(objects) }
}

async function makeMedia(): Promise<Readonly<Record<Kind, readonly Buffer[]>>> {
  const numbers = Array.from({ length: VARIANTS }, (_, index) => index)
  const noise = (width: number, height: number, mean: number) =>
    sharp({
      create: {
        width,
        height,
        channels: 3,
        background: 'black',
        noise: { type: 'gaussian', mean, sigma: 30 },
      },
    }).blur(3)
  return {
    avatar: await Promise.all(
      numbers.map((n) =>
        noise(512, 512, 60 + n * 20)
          .webp({ quality: 90 })
          .toBuffer(),
      ),
    ),
    emoji: await Promise.all(
      numbers.map((n) =>
        noise(128, 128, 60 + n * 20)
          .png()
          .toBuffer(),
      ),
    ),
    attachment: await Promise.all(
      numbers.map((n) =>
        noise(1920, 1280, 60 + n * 20)
          .jpeg({ quality: 88 })
          .toBuffer(),
      ),
    ),
    animation: await Promise.all(numbers.map((n) => animatedGif(240 + n, 180))),
    video:
      FFMPEG === undefined
        ? []
        : [
            await makeVideo(
              'mp4',
              'testsrc2=s=1280x720:r=30',
              ['-c:v', 'libx264', '-preset', 'ultrafast'],
              4,
            ),
          ],
  }
}

function shuffle<T>(items: readonly T[]): T[] {
  const random = seededRandom(1)
  return items
    .map((item) => ({ item, rank: random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

/**
 * Returns the requests of a day: objects by Zipf's law with
 * exponent 1, each in one of the sizes that its clients request.
 */
export function dayOfRequests({ objects }: Chat, count: number, seed = 7): readonly string[] {
  const random = seededRandom(seed)
  const cumulative: number[] = []
  for (let rank = 1; rank <= objects.length; rank += 1) cumulative.push((cumulative.at(-1) ?? 0) + 1 / rank)
  const total = cumulative.at(-1) ?? 1
  return Array.from({ length: count }, () => {
    const wanted = random() * total
    let low = 0
    let high = cumulative.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulative[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    const paths = objects[low]?.paths ?? []
    return paths[Math.floor(random() * paths.length)] ?? '/'
  })
}
