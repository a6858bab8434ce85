/** The same API server on Hono. It runs in Node, Workers, Deno and Bun. */

import { createExternalUrls } from '@media-proxy/client'
import { Hono } from 'hono'

export function createHonoApi({
  mediaUrl,
  secretKey,
}: {
  readonly mediaUrl: string
  readonly secretKey: string
}): Hono {
  const external = createExternalUrls({ baseUrl: mediaUrl, secretKey })
  const app = new Hono()
  app.get('/api/media', async (context) => {
    // Add your own authorisation check here, because a signature makes the service fetch the URL.
    try {
      const url = await external.sign(context.req.query('url') ?? '', {
        width: 400,
        format: 'auto',
        expiresInSeconds: 3600,
      })
      return context.json({ url })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return context.json({ error: error.message }, 400)
    }
  })
  return app
}
