import { type Failure, phraseOf } from '../response/failure.ts'

/**
 * What a body is errored with: a stream can tell of an expected failure only by throwing. It becomes a `Failure`
 * again where a request is answered. The message may reach a client whose answer has already begun, so it says
 * no more than the failure's phrase.
 */
export class BodyError extends Error {
  readonly failure: Failure

  constructor(failure: Failure, cause?: unknown) {
    super(phraseOf(failure), { cause })
    this.failure = failure
  }
}
