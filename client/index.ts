/** The client package as imported within the repository. `pnpm build:client` builds the published one. */

export * from '@media-proxy/shared/client/index.ts'
