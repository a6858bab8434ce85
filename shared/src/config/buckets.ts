import type { Config } from './schema.ts'

export interface ConfiguredBucket {
  /** The name of the bucket's setting in the group `s3`. */
  readonly name: 'bucketCdn' | 'bucketUploads' | 'bucketRenditions' | 'bucketStatic'
  readonly bucket: string
  /** Undefined when only the filesystem store is configured. */
  readonly endpoint: string | undefined
}

/** Returns every bucket that a configuration uses. */
export function configuredBuckets({
  s3,
  staticMode,
}: Pick<Config, 's3' | 'staticMode'>): readonly ConfiguredBucket[] {
  const at = (own: string | undefined) => own ?? s3.endpoint
  if (staticMode) return [{ name: 'bucketStatic', bucket: s3.bucketStatic, endpoint: at(s3.endpointStatic) }]
  const { bucketRenditions } = s3
  return [
    { name: 'bucketCdn', bucket: s3.bucketCdn, endpoint: at(s3.endpointCdn) },
    { name: 'bucketUploads', bucket: s3.bucketUploads, endpoint: at(s3.endpointUploads) },
    ...(bucketRenditions === undefined
      ? []
      : [
          {
            name: 'bucketRenditions' as const,
            bucket: bucketRenditions,
            endpoint: at(s3.endpointRenditions),
          },
        ]),
  ]
}
