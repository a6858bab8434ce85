/** The package that API servers and apps install, as the repository itself imports it; `pnpm build:client` makes it. */

export * from '@media-proxy/shared/client/index.ts'
