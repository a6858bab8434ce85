/**
 * An attachment in React: a placeholder immediately, the image when it has loaded, and a video with a poster.
 */

import { createMediaUrls, type Metadata, placeholderDataUrl, widthSrcset } from '@media-proxy/client'

export interface MediaProps {
  /** The base URL of the service. */
  readonly baseUrl: string
  /** The key below `attachments/`. */
  readonly path: string
  /** The response of `/_metadata` from when it was uploaded. */
  readonly metadata: Pick<Metadata, 'content_type' | 'width' | 'height' | 'placeholder'>
  readonly alt: string
  /** In CSS pixels. */
  readonly maxWidth: number
}

const WIDTHS = [200, 400, 800, 1600]

export function Media({ baseUrl, path, metadata, alt, maxWidth }: MediaProps) {
  const urls = createMediaUrls(baseUrl)
  const { width = maxWidth, height = maxWidth } = metadata
  const shown = {
    width: Math.min(width, maxWidth),
    height: Math.round(height * Math.min(1, maxWidth / width)),
  }
  if (metadata.content_type.startsWith('video/')) {
    const poster = urls.attachment(path, { width: shown.width, format: 'webp', time: '10%' })
    return <video src={urls.attachment(path)} poster={poster} preload="none" controls {...shown} />
  }
  const background = metadata.placeholder === undefined ? undefined : placeholderDataUrl(metadata.placeholder)
  const of = (wanted: number) => urls.attachment(path, { width: wanted, format: 'auto' })
  const widths = WIDTHS.filter((wanted) => wanted < width).concat(width)
  return (
    <img
      src={of(shown.width)}
      srcSet={widthSrcset(widths, of)}
      sizes={`${shown.width}px`}
      alt={alt}
      loading="lazy"
      decoding="async"
      style={background === undefined ? {} : { background: `url(${background}) 0 / cover` }}
      {...shown}
    />
  )
}
