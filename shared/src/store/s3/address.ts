/** How buckets and objects are addressed at an S3 endpoint. */

export interface S3Address {
  /** Absolute URL without a slash at its end. */
  readonly endpoint: string
  /** Whether the bucket is the first segment of the path, or the first label of the host. */
  readonly pathStyle: boolean
}

/** The URL of a bucket; `query` with its question mark. */
export function bucketUrl(address: S3Address, bucket: string, query = ''): string {
  return address.pathStyle ? `${baseOf(address, bucket)}${query}` : `${baseOf(address, bucket)}/${query}`
}

/** The URL of an object. */
export function objectUrl(address: S3Address, bucket: string, key: string): string {
  return `${baseOf(address, bucket)}/${key.split('/').map(encodeSegment).join('/')}`
}

/**
 * The region that an endpoint of AWS names; undefined for other endpoints, which mostly take any. `s3.amazonaws.com`
 * is in `us-east-1`.
 */
export function regionOfEndpoint(endpoint: string): string | undefined {
  const { hostname } = new URL(endpoint)
  if (/^s3(-fips|-accelerate)?(\.dualstack)?\.amazonaws\.com$/.test(hostname)) return 'us-east-1'
  return /(?:^|\.)s3[.-](?:fips[.-])?(?:dualstack\.)?([a-z]{2,4}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/.exec(
    hostname,
  )?.[1]
}

function baseOf({ endpoint, pathStyle }: S3Address, bucket: string): string {
  if (pathStyle) return `${endpoint}/${bucket}`
  const { protocol, host, pathname } = new URL(endpoint)
  return `${protocol}//${bucket}.${host}${pathname.replace(/\/$/, '')}`
}

/**
 * As signatures of version 4 want it: everything encoded but RFC 3986's unreserved characters. What is signed is
 * what is sent only if the URL is spelled like that to begin with, and some servers sign the path as it came.
 */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
