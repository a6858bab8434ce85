import { h } from './dom.ts'

interface Sample {
  readonly label: string
  readonly source: string
  /** The query of the thumbnail on the button. Undefined when there is nothing to see. */
  readonly thumbnail?: string
}

/** The samples that `pnpm start` puts into an empty store. */
const SAMPLES: readonly Sample[] = [
  { label: 'Photo', source: '/attachments/1/1/coffee.jpg', thumbnail: 'width=80&height=80&format=webp' },
  {
    label: 'Portrait',
    source: '/attachments/1/1/portrait.jpg',
    thumbnail: 'width=80&height=80&gravity=face&format=webp',
  },
  { label: 'Drawing', source: '/attachments/1/1/harbour.jpg', thumbnail: 'width=80&height=80&format=webp' },
  { label: 'Avatar', source: '/avatars/1/5a6d0c1e.webp', thumbnail: 'size=80' },
  { label: 'Animated', source: '/avatars/1/a_77c0ffee.webp', thumbnail: 'size=80' },
  { label: 'Banner', source: '/banners/1/b4a2e10f.webp', thumbnail: 'size=160' },
  { label: 'Emoji', source: '/emojis/1001.webp', thumbnail: 'size=80' },
  { label: 'Sticker', source: '/stickers/2001', thumbnail: 'size=80' },
  {
    label: 'Video',
    source: '/attachments/1/1/day.mp4',
    thumbnail: 'width=80&height=80&format=webp&time=50%25',
  },
  { label: 'Audio', source: '/attachments/1/1/chime.wav' },
]

/**
 * Creates buttons for the samples. Those that are missing in the store are removed. The thumbnails are loaded
 * after `firstImage`, because otherwise eight renders would run before the one that the user is looking at.
 */
export function renderSamples(
  list: HTMLElement,
  firstImage: Promise<unknown>,
  onChoose: (source: string) => void,
): void {
  list.replaceChildren(
    ...SAMPLES.map(({ label, source, thumbnail }) => {
      const button = h('button', { type: 'button', class: 'sample', 'data-source': source })
      const item = h('li', {}, button)
      if (thumbnail === undefined) {
        button.append(h('span', { class: 'note', 'aria-hidden': 'true' }, '♪'))
      } else {
        const image = h('img', { alt: '', width: 40, height: 40 })
        void firstImage.then(() => {
          image.src = `${source}?${thumbnail}`
        })
        image.addEventListener('error', () => item.remove())
        button.append(image)
      }
      button.append(h('span', {}, label))
      button.addEventListener('click', () => onChoose(source))
      return item
    }),
  )
}
