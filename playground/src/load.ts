/** A response of the service, with everything that the page shows about it. */

export interface Loaded {
  readonly url: string
  readonly status: number
  readonly ok: boolean
  readonly phrase: string
  readonly contentType: string
  readonly bytes: number
  readonly headers: Headers
  /** The time until the whole response was received, in milliseconds. */
  readonly tookMs: number
  /**
   * The object URL of the bytes. Undefined when there is nothing
   * to show. Has to be revoked when it is no longer shown.
   */
  readonly objectUrl: string | undefined
}

/** Larger responses are not read beyond their headers. A video plays from its own URL. */
const MAX_SHOWN_BYTES = 48_000_000

const IMAGES: ReadonlySet<'image' | 'video'> = new Set(['image'])
/** The types that a rendition may have. The video of an original plays from its own URL. */
export const IMAGES_AND_VIDEOS: ReadonlySet<'image' | 'video'> = new Set(['image', 'video'])

/**
 * Loads a URL. It bypasses the cache of the browser, so that the headers and timings belong to this request.
 */
export async function load(
  url: string,
  signal: AbortSignal,
  shows: ReadonlySet<'image' | 'video'> = IMAGES,
): Promise<Loaded> {
  const startedAt = performance.now()
  const response = await fetch(url, { signal, cache: 'no-store' })
  const contentType = response.headers.get('content-type') ?? ''
  const declared = Number(response.headers.get('content-length') ?? Number.NaN)
  const [kind] = contentType.split('/')
  const isShown = (kind === 'image' || kind === 'video') && shows.has(kind)
  const shown = response.ok && isShown && !(declared > MAX_SHOWN_BYTES)
  const common = { url, status: response.status, ok: response.ok, contentType, headers: response.headers }
  if (!response.ok) {
    const phrase = (await response.text()).slice(0, 200)
    return { ...common, phrase, bytes: 0, tookMs: performance.now() - startedAt, objectUrl: undefined }
  }
  if (!shown) {
    await response.body?.cancel()
    const bytes = Number.isNaN(declared) ? 0 : declared
    return { ...common, phrase: '', bytes, tookMs: performance.now() - startedAt, objectUrl: undefined }
  }
  const blob = await response.blob()
  const tookMs = performance.now() - startedAt
  return { ...common, phrase: '', bytes: blob.size, tookMs, objectUrl: URL.createObjectURL(blob) }
}

export function release(loaded: Loaded | undefined): void {
  if (loaded?.objectUrl !== undefined) URL.revokeObjectURL(loaded.objectUrl)
}

export interface Timing {
  readonly name: string
  /** In milliseconds. */
  readonly duration: number
}

/** Parses the stages of a `Server-Timing` header. */
export function readServerTiming(header: string | null): readonly Timing[] {
  return (header ?? '').split(',').flatMap((stage) => {
    const [name = '', ...attributes] = stage.split(';').map((part) => part.trim())
    const duration = attributes.find((attribute) => attribute.startsWith('dur='))?.slice(4)
    return name === '' || duration === undefined ? [] : [{ name, duration: Number(duration) }]
  })
}
