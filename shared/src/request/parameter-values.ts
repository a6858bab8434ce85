/** What the values of query parameters have in common: each reads one, and gives undefined for what is none. */

export type ValueParser<T> = (value: string) => T | undefined

/** `true` or `false`, and `1` or `0` for them. */
export function parseBoolean(value: string): boolean | undefined {
  if (value === 'true' || value === '1') return true
  return value === 'false' || value === '0' ? false : undefined
}

/** A whole number of at most eight digits, without leading zeros, within bounds. */
export function parseInteger(value: string, minimum: number, maximum: number): number | undefined {
  if (!/^(0|[1-9]\d{0,7})$/.test(value)) return undefined
  const number = Number(value)
  return number >= minimum && number <= maximum ? number : undefined
}

/** One of a few words. */
export function oneOf<T extends string>(values: readonly T[]): ValueParser<T> {
  return (value) => values.find((candidate) => candidate === value)
}
