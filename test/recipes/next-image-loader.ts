/**
 * A loader for `next/image`: in next.config, `images: { loader: 'custom', loaderFile:
 * './next-image-loader.ts' }`. `src` is the key below `attachments/`, or `avatars/<id>/<hash>`.
 */

import { assetSizeFor, createMediaUrls } from '@media-proxy/client'

const urls = createMediaUrls(process.env.NEXT_PUBLIC_MEDIA_URL ?? 'http://127.0.0.1:8787')

export interface LoaderOptions {
  readonly src: string
  readonly width: number
  readonly quality?: number
}

export default function mediaLoader({ src, width, quality }: LoaderOptions): string {
  const given = quality === undefined ? {} : { quality }
  const [, id, hash] = /^avatars\/([^/]+)\/([^/]+)$/.exec(src) ?? []
  return id !== undefined && hash !== undefined
    ? urls.asset('avatars', id, hash, { size: assetSizeFor(width), ...given })
    : urls.attachment(src, { width, format: 'auto', ...given })
}
