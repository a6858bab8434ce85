/** Where S3 is, who asks it, and what its buckets are called. */

import {
  bucketName,
  choice,
  credential,
  flag,
  integer,
  optionalBucketName,
  storeEndpoint,
  text,
} from './settings.ts'

export const S3_SETTINGS = {
  endpoint: storeEndpoint('S3 endpoint.'),
  writeEndpoint: storeEndpoint('S3 endpoint that is written to; default where the bucket is read.'),
  endpointCdn: storeEndpoint('S3 endpoint of the bucket of assets; default `s3.endpoint`.'),
  endpointUploads: storeEndpoint('S3 endpoint of the bucket of uploads; default `s3.endpoint`.'),
  endpointRenditions: storeEndpoint('S3 endpoint of the bucket of renditions; default `s3.endpoint`.'),
  endpointStatic: storeEndpoint('S3 endpoint of the bucket of static mode; default `s3.endpoint`.'),
  pathStyle: flag('Buckets stand in the path; else in the name of the host.', { default: true }),
  region: text("S3 region; `auto` is that of the endpoint's name, else what the store itself says.", {
    default: 'auto',
  }),
  credentials: choice(
    "Where S3's keys are: in these settings, or in the standard chain of AWS (environment, files, SSO, EKS, ECS, EC2), which the origin then asks.",
    ['settings', 'chain'],
    { default: 'settings' },
  ),
  accessKeyId: credential('S3 access key id.'),
  secretAccessKey: credential('S3 secret access key.'),
  sessionToken: credential('S3 session token, of temporary keys.'),
  bucketCdn: bucketName('Bucket of assets, attachments, themes and sounds.', { default: 'cdn' }),
  bucketUploads: bucketName('Bucket of uploads.', { default: 'uploads' }),
  bucketRenditions: optionalBucketName('Bucket of finished renditions, shared by all origins; default none.'),
  bucketStatic: bucketName('Bucket of static mode.', { default: 'static' }),
  timeoutMs: integer('Longest wait for the first byte of the store, and between bytes.', {
    min: 100,
    max: 120_000,
    default: 10_000,
  }),
}
