import { type Failure, isFailure } from '../response/failure.ts'
import type { MediaRequest } from './media-request.ts'

/** Returns the route name for logs and metrics: one of a few values, never an id. */
export function routeOf(parsed: MediaRequest | Failure): string {
  if (isFailure(parsed)) return 'none'
  switch (parsed.kind) {
    case 'asset':
    case 'file':
      return parsed.route
    case 'attachment':
      return parsed.transformation === undefined ? 'attachments' : 'attachments-transformed'
    case 'external':
      return parsed.transformation === undefined ? 'external' : 'external-transformed'
    case 'relay':
      return 'relay'
    case 'playground':
      return 'playground'
    case 'endpoint':
      return parsed.endpoint
  }
}
