/** The number of keys in one listing, which is the maximum of S3. */
export const LISTED_KEYS = 1000

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** A response to ListObjectsV2. */
export interface Listing {
  readonly keys: readonly string[]
  /** The token for the remaining keys. A store may return fewer keys than requested. Undefined at the end. */
  readonly continuation: string | undefined
}

/** Parses a listing. Undefined for anything else, such as a proxy's page, which is not an empty folder. */
export function readListing(xml: string): Listing | undefined {
  if (!/<ListBucketResult[\s/>]/.test(xml)) return undefined
  const token = /<NextContinuationToken>([^<]+)<\/NextContinuationToken>/.exec(xml)?.[1]
  return {
    keys: [...xml.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = '']) => decodeEntities(key)),
    continuation: token === undefined ? undefined : decodeEntities(token),
  }
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w{2,4}));/gi, (entity, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? entity
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return point <= 0x10ffff ? String.fromCodePoint(point) : entity
  })
}
