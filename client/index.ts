/**
 * The client package as it is imported within the repository. `pnpm build:client` builds the published
 * package.
 */

export * from '@media-proxy/shared/client/index.ts'
