/** The settings of S3: endpoints, credentials and buckets. */

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
  endpoint: storeEndpoint('The S3 endpoint.'),
  writeEndpoint: storeEndpoint(
    'The S3 endpoint for writes. Default: the endpoint from which the bucket is read.',
  ),
  endpointCdn: storeEndpoint('The S3 endpoint of the assets bucket. Default: `s3.endpoint`.'),
  endpointUploads: storeEndpoint('The S3 endpoint of the uploads bucket. Default: `s3.endpoint`.'),
  endpointRenditions: storeEndpoint('The S3 endpoint of the renditions bucket. Default: `s3.endpoint`.'),
  endpointStatic: storeEndpoint('The S3 endpoint of the bucket for static mode. Default: `s3.endpoint`.'),
  pathStyle: flag('Whether the bucket is part of the path instead of the host name.', { default: true }),
  region: text('The S3 region. `auto` takes it from the host name of the endpoint, or else from the store.', {
    default: 'auto',
  }),
  credentials: choice(
    'The source of the S3 credentials: `settings` are the settings below, `chain` is the standard credential chain of AWS ' +
      '(environment, files, SSO, EKS, ECS, EC2), which only the origin supports.',
    ['settings', 'chain'],
    { default: 'settings' },
  ),
  accessKeyId: credential('The S3 access key id.'),
  secretAccessKey: credential('The S3 secret access key.'),
  sessionToken: credential('The S3 session token of temporary credentials.'),
  bucketCdn: bucketName('The bucket of assets, attachments, themes and entrance sounds.', { default: 'cdn' }),
  bucketUploads: bucketName('The bucket of uploads.', { default: 'uploads' }),
  bucketRenditions: optionalBucketName(
    'The bucket of finished renditions, shared by all origins. Default: none.',
  ),
  bucketStatic: bucketName('The bucket for static mode.', { default: 'static' }),
  timeoutMs: integer('The timeout for the first byte from the store, and between bytes, in milliseconds.', {
    min: 100,
    max: 120_000,
    default: 10_000,
  }),
}
