import { writeSamples } from '@media-proxy/scripts/samples.ts'
import { type FilesystemService, openEdge, openFilesystemOrigin } from '../services.ts'

export const SECRET = 'playground-secret'

const SETTINGS = {
  MEDIA_PROXY_NODE_ENV: 'development',
  MEDIA_PROXY_SECRET_KEY: SECRET,
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge-secret',
  MEDIA_PROXY_PRESETS: 'thumb:blur=2',
  MEDIA_PROXY_LIMITS_SOURCE_BYTES: '3000000',
}

/** Opens an origin where attachments have to be signed. */
export const openSignedPlayground = () =>
  withSamples(
    openFilesystemOrigin({
      ...SETTINGS,
      MEDIA_PROXY_ATTACHMENT_SIGNATURES: 'enforce',
      MEDIA_PROXY_ATTACHMENT_SECRETS: Buffer.alloc(32, 5).toString('base64'),
    }),
  )

/** The edge and the origin as `pnpm start` opens them, with the samples. */
export const PLAYGROUND_SERVICES: readonly (readonly [
  name: string,
  open: () => Promise<FilesystemService>,
])[] = [
  ['the edge', () => withSamples(openEdge(SETTINGS))],
  ['the origin', () => withSamples(openFilesystemOrigin(SETTINGS))],
]

async function withSamples(opening: Promise<FilesystemService>): Promise<FilesystemService> {
  const service = await opening
  await writeSamples(service.directory)
  return service
}
