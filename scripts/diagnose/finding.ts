/** The result of one check. */
export interface Finding {
  /** The name of the check, one to three words. */
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failed'
  /** What was found. Never a secret. */
  readonly found: string
  /** How to fix it. Absent when there is no problem. */
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
