/** Credentials that are not configured explicitly, such as those of a role or of a signed-in user. */

import { type Failure, failWithAdvice } from '@media-proxy/shared/response/failure.ts'
import type { CredentialSource, S3Credentials } from '@media-proxy/shared/store/s3/credentials.ts'

/**
 * Returns the standard credential chain of AWS: environment, files, SSO, EKS,
 * ECS, EC2. It is loaded on the first call and may then connect to remote
 * services. The credentials are cached and renewed before they expire.
 */
export function createChainCredentials(region: string): CredentialSource {
  let loading: ReturnType<typeof loadChain> | undefined
  return async ({ renew }) => {
    loading ??= loadChain(region)
    try {
      const chain = await loading
      const { accessKeyId, secretAccessKey, sessionToken } = await chain({ forceRefresh: renew })
      const keys: S3Credentials = { accessKeyId, secretAccessKey }
      return sessionToken === undefined ? keys : { ...keys, sessionToken }
    } catch (error) {
      return unavailable(error)
    }
  }
}

async function loadChain(region: string) {
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
  return defaultProvider(region === 'auto' ? {} : { clientConfig: { region } })
}

/**
 * Returns the failure without the error message of the chain, which may quote the output of a process or the
 * content of a file.
 */
function unavailable(error: unknown): Failure {
  const name = error instanceof Error ? error.name : 'unknown'
  const fix =
    'give this machine a role or a profile that may read the buckets, or set MEDIA_PROXY_S3_ACCESS_KEY_ID and ' +
    'MEDIA_PROXY_S3_SECRET_ACCESS_KEY'
  return failWithAdvice('store-denied', {
    found: `the standard chain of AWS has no credentials (${name})`,
    fix,
  })
}
