/** What one look at the set-up found. */
export interface Finding {
  /** What was looked at, in a word or three. */
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failed'
  /** What is there. Never a secret. */
  readonly found: string
  /** What to do; absent where all is well. */
  readonly fix?: string
}

export function ok(check: string, found: string): Finding {
  return { check, state: 'ok', found }
}

export function warning(check: string, found: string, fix: string): Finding {
  return { check, state: 'warning', found, fix }
}

export function failed(check: string, found: string, fix: string): Finding {
  return { check, state: 'failed', found, fix }
}
