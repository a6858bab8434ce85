/** Numbers and refusals in words. */

/** 1,234,567 as `1.23 MB`; three digits that count. */
export function bytesInWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`
}

/** How much smaller, as `−87 %`; or larger, as `+12 %`. */
export function savingInWords(original: number, rendition: number): string {
  if (original === 0) return ''
  const percent = Math.round((1 - rendition / original) * 100)
  return percent >= 0 ? `−${percent} %` : `+${-percent} %`
}

const PHRASES: Readonly<Record<string, string>> = {
  'Bad Request': 'A value is not one the service takes, or the media cannot be decoded.',
  'Unsupported file format':
    'This is neither an image nor a video nor audio of a kind the service reads, whatever its name says.',
  'File contains unsupported or non-web-compatible codecs':
    'The container is known, but what is coded in it is not shown by browsers.',
  'Only images and videos can be transformed':
    'Sound has no picture: leave out the parameters and it is streamed.',
  'Image dimensions too large': 'A side or the decoded size is over the limits of the service.',
  'Image dimensions too large: too many frames': 'More frames than the service plays: ask for a still.',
  'Payload Too Large': 'The file is larger than the service takes.',
  Unauthorized: 'The signature or the secret is wrong, or the URL has expired.',
  Forbidden: 'The service does not answer this from here.',
  'Not Found': 'There is no such object, or no such route.',
  'Too Many Requests': 'The budget of requests is spent: wait a little.',
  'Bad Gateway': 'The store, or the far server, cannot be reached or refused.',
  'Service Unavailable': 'The service is busy or not ready: try again.',
  'Gateway Timeout': 'It took too long.',
}

/** What a refusal means for whoever sees it. */
export function rejectionInWords(status: number | undefined, phrase: string): string {
  return PHRASES[phrase] ?? (status === undefined ? 'The service did not answer.' : 'The service refused.')
}
