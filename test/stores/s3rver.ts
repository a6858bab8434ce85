import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import S3rver from 's3rver'
import { BUCKETS, type S3Server, writerTo } from './s3-server.ts'

/** Opens s3rver. It keeps objects in files, and parses signatures of version 4 without verifying them. */
export async function openS3rver(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-s3rver-'))
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    directory,
    silent: true,
    allowMismatchedSignatures: false,
    configureBuckets: BUCKETS.map((name) => ({ name })),
  })
  const { port } = await server.run()
  const where = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
  }
  return {
    ...where,
    ...writerTo(where),
    async close() {
      await server.close()
      await rm(directory, { recursive: true })
    },
  }
}
