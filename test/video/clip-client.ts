/** Stores a source and requests clips of it. */

import { afterAll, beforeAll, expect } from 'vitest'
import { type RawResponse, send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

export const SECRET = 'a-secret-for-tests'

export interface ClipClient {
  /** The origin. It is open while the tests run. */
  readonly service: Service
  /** Stores a file as an attachment and requests it with a query. */
  ask(name: string, bytes: Uint8Array, query: string): Promise<RawResponse>
  /** Returns the clip, and checks its headers. */
  clip(name: string, bytes: Uint8Array, query: string): Promise<Buffer>
}

/** Opens an origin for the tests of the calling `describe`, and closes it after them. */
export function openClipClient(): ClipClient {
  let opened: Service | undefined
  beforeAll(async () => {
    opened = await openFilesystemOrigin({
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_NSFW_ENABLED: 'false',
    })
  })
  afterAll(() => opened?.close())

  function serviceOf(): Service {
    if (opened === undefined) throw new Error('the service is open only while tests run')
    return opened
  }
  async function ask(name: string, bytes: Uint8Array, query: string) {
    await serviceOf().put(`attachments/1/${name}`, bytes)
    return send(serviceOf().url, `/attachments/1/${name}?${query}`)
  }
  return {
    get service() {
      return serviceOf()
    },
    ask,
    async clip(name, bytes, query) {
      const { status, body, headers } = await ask(name, bytes, query)
      expect(status, serviceOf().log.at(-1)?.detail).toBe(200)
      const format = /format=(\w+)/.exec(query)?.[1]
      expect(headers['content-type']).toBe(`video/${format}`)
      expect(headers['cache-control']).toContain('no-transform')
      expect(headers['content-length']).toBe(String(body.length))
      return body
    },
  }
}
