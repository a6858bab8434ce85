/** Stores a source and requests clips of it. */

import { expect } from 'vitest'
import { type RawResponse, send } from '../http.ts'
import type { Service } from '../services.ts'

export interface ClipClient {
  /** Stores a file as an attachment and requests it with a query. */
  ask(name: string, bytes: Uint8Array, query: string): Promise<RawResponse>
  /** Returns the clip, and checks its headers. */
  clip(name: string, bytes: Uint8Array, query: string): Promise<Buffer>
}

export function createClipClient(service: Service): ClipClient {
  async function ask(name: string, bytes: Uint8Array, query: string) {
    await service.put(`attachments/1/${name}`, bytes)
    return send(service.url, `/attachments/1/${name}?${query}`)
  }
  return {
    ask,
    async clip(name, bytes, query) {
      const { status, body, headers } = await ask(name, bytes, query)
      expect(status, service.log.at(-1)?.detail).toBe(200)
      const format = /format=(\w+)/.exec(query)?.[1]
      expect(headers['content-type']).toBe(`video/${format}`)
      expect(headers['cache-control']).toContain('no-transform')
      expect(headers['content-length']).toBe(String(body.length))
      return body
    },
  }
}
