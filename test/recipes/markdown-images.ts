/**
 * Rewrites Markdown so that its images are fetched by the service rather than by every reader. That leaks no
 * addresses and avoids mixed content.
 */

import type { ExternalUrls } from '@media-proxy/client'

/**
 * Matches fenced blocks and code spans, which stay unchanged, and otherwise `![words](https://… "title")`.
 */
const CODE_OR_IMAGE =
  /(```[\s\S]*?(?:```|$)|`[^`\n]*`)|!\[([^\]\n]*)\]\((https?:\/\/[^\s)]+)((?:\s+"[^"\n]*")?)\)/g

export async function signImages(markdown: string, external: ExternalUrls, width = 800): Promise<string> {
  const parts: Promise<string>[] = []
  let end = 0
  for (const match of markdown.matchAll(CODE_OR_IMAGE)) {
    const [whole, code, words, url, title] = match
    parts.push(Promise.resolve(markdown.slice(end, match.index)))
    parts.push(
      code !== undefined || url === undefined || !URL.canParse(url)
        ? Promise.resolve(whole)
        : external.sign(url, { width, format: 'auto' }).then((signed) => `![${words}](${signed}${title})`),
    )
    end = match.index + whole.length
  }
  return [...(await Promise.all(parts)), markdown.slice(end)].join('')
}
