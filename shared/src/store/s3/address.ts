/** The URLs of buckets and objects at an S3 endpoint. */

import { percentEncode } from '../../encoding/percent.ts'

export interface S3Address {
  /** An absolute URL without a trailing slash. */
  readonly endpoint: string
  /** Whether the bucket is the first segment of the path instead of the first label of the host. */
  readonly pathStyle: boolean
}

/** Returns the URL of a bucket. `query` includes its question mark. */
export function bucketUrl(address: S3Address, bucket: string, query = ''): string {
  return address.pathStyle ? `${baseOf(address, bucket)}${query}` : `${baseOf(address, bucket)}/${query}`
}

/** Returns the URL of an object. */
export function objectUrl(address: S3Address, bucket: string, key: string): string {
  return `${baseOf(address, bucket)}/${key.split('/').map(encodeSegment).join('/')}`
}

/**
 * Returns the region in the host name of an AWS endpoint. `s3.amazonaws.com` is in `us-east-1`. Undefined for
 * other endpoints, most of which accept any region.
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
 * Encodes a segment as Signature Version 4 requires: everything except the unreserved characters of RFC 3986.
 * The signed path equals the sent one only if the URL is already spelled this way, and some servers sign the
 * path as received.
 */
function encodeSegment(segment: string): string {
  return percentEncode(encodeURIComponent(segment), /[!'()*]/g)
}
