/** An API server on Express that returns signed URLs to logged-in users. */

import { createExternalUrls } from '@media-proxy/client'
import express, { type Express } from 'express'

export interface ApiOptions {
  readonly mediaUrl: string
  readonly secretKey: string
}

export function createExpressApi({ mediaUrl, secretKey }: ApiOptions): Express {
  const external = createExternalUrls({ baseUrl: mediaUrl, secretKey })
  const app = express()
  app.get('/api/media', async (request, response) => {
    // Add your own authorisation check here, because a signature makes the service fetch the URL.
    const { url } = request.query
    try {
      response.json({
        url: await external.sign(String(url), { width: 400, format: 'auto', expiresInSeconds: 3600 }),
      })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      response.status(400).json({ error: error.message })
    }
  })
  return app
}
