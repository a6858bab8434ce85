import { type Failure, phraseOf } from '../response/failure.ts'

/**
 * The error of a body with an expected failure, because a stream can report one only by an error. The code
 * that answers the request turns it back into a `Failure`. The message can reach a client whose response has
 * already started, so it contains only the failure's phrase.
 */
export class BodyError extends Error {
  readonly failure: Failure

  constructor(failure: Failure, cause?: unknown) {
    super(phraseOf(failure), { cause })
    this.failure = failure
  }
}
