import type { Failure } from '../../response/failure.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface CredentialsRequest {
  /** The store says that the last ones are past their time, whatever their expiry says. */
  readonly renew: boolean
}

/** Gives credentials that are good now; keeps them itself for as long as they are. */
export type CredentialSource = (request: CredentialsRequest) => Promise<S3Credentials | Failure>
