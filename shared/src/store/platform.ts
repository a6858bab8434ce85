/**
 * Access to Node's modules, which exist in Node and, with `nodejs_compat`, in workerd. They are not imported,
 * because an import that only one runtime can resolve would break the other.
 */

/** The part of a `node:zlib` stream that is used here. */
export interface ZlibStream extends AsyncIterable<Uint8Array> {
  readonly destroyed: boolean
  write(chunk: Uint8Array): boolean
  end(): void
  destroy(error?: Error): void
  once(event: 'drain' | 'close' | 'error', listener: (error?: Error) => void): void
}

export interface Zlib {
  createGunzip(): ZlibStream
  createInflate(): ZlibStream
  createInflateRaw(): ZlibStream
  createBrotliDecompress(): ZlibStream
  createZstdDecompress(options: { readonly params: Readonly<Record<number, number>> }): ZlibStream
  readonly constants: { readonly ZSTD_d_windowLogMax: number }
}

export interface IncomingMessage {
  readonly statusCode?: number
  readonly rawHeaders: readonly string[]
  resume(): void
  destroy(error?: Error): void
}

/** A connection. One with TLS cannot be reset, only the connection under it. */
export interface Socket {
  once(event: 'connect', listener: () => void): void
  once(event: 'error', listener: (error: Error) => void): void
  resetAndDestroy(): void
}

export interface ClientRequest {
  readonly socket: Socket | null
  /** Whether the connection has served another request before. */
  readonly reusedSocket: boolean
  on(event: 'response', listener: (message: IncomingMessage) => void): void
  on(event: 'error', listener: (error: Error) => void): void
  on(event: 'close', listener: () => void): void
  end(body?: Uint8Array): void
  destroy(error?: Error): void
}

export interface Agent {
  /** Opens a connection, and passes it to `opened`. */
  createConnection(options: object, opened: (error: Error | null, socket?: Socket) => void): void
}

export interface Http {
  readonly Agent: new (options: { readonly keepAlive: boolean }) => Agent
  request(
    url: string,
    options: {
      readonly method: string
      readonly headers: Readonly<Record<string, string>>
      readonly agent: object
      readonly signal?: AbortSignal
    },
  ): ClientRequest
}

export interface Stream {
  readonly Readable: { toWeb(message: IncomingMessage): ReadableStream<Uint8Array> }
  pipeline(
    source: AsyncIterable<Uint8Array>,
    destination: ClientRequest,
    ended: (error?: Error | null) => void,
  ): void
}

export interface Net {
  connect(options: object): Socket
}

interface BuiltinModules {
  readonly 'node:zlib': Zlib
  readonly 'node:http': Http
  readonly 'node:https': Http
  readonly 'node:net': Net
  readonly 'node:stream': Stream
  readonly 'node:tls': Net
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown }
  readonly navigator?: { readonly userAgent?: string }
}

function runtime(): Runtime {
  return globalThis as Runtime
}

/** Returns one of Node's modules. Undefined when the runtime does not have it. */
export function builtinModule<N extends keyof BuiltinModules>(name: N): BuiltinModules[N] | undefined {
  return runtime().process?.getBuiltinModule?.(name) as BuiltinModules[N] | undefined
}

/** Whether the code runs in a Cloudflare Worker. */
export function isWorkerd(): boolean {
  return runtime().navigator?.userAgent === 'Cloudflare-Workers'
}
