/** Parsers for values of query parameters. Each returns undefined for an invalid value. */

export type ValueParser<T> = (value: string) => T | undefined

/** Parses `true` or `1`, and `false` or `0`. */
export function parseBoolean(value: string): boolean | undefined {
  if (value === 'true' || value === '1') return true
  return value === 'false' || value === '0' ? false : undefined
}

/** Parses a whole number of at most eight digits, without leading zeros, within inclusive bounds. */
export function parseInteger(value: string, minimum: number, maximum: number): number | undefined {
  if (!/^(0|[1-9]\d{0,7})$/.test(value)) return undefined
  const number = Number(value)
  return number >= minimum && number <= maximum ? number : undefined
}

/** Returns a parser that accepts exactly the given words. */
export function oneOf<T extends string>(values: readonly T[]): ValueParser<T> {
  return (value) => values.find((candidate) => candidate === value)
}
