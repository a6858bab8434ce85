import type { Failure } from '../../response/failure.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface CredentialsRequest {
  /** The store reports that the last credentials have expired, regardless of their stated expiry. */
  readonly renew: boolean
}

/** Returns credentials that are currently valid. The source caches them until they expire. */
export type CredentialSource = (request: CredentialsRequest) => Promise<S3Credentials | Failure>
