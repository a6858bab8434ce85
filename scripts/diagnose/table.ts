import type { Finding } from './finding.ts'

const SIGNS: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  failed: 'FAILED ',
}

/** Formats the findings: one line each, followed by the fix. */
export function renderTable(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, state, found, fix }) => {
    const line = `${SIGNS[state]}  ${check.padEnd(width)}  ${found}`
    return fix === undefined ? [line] : [line, `${' '.repeat(width + 11)}→ ${fix}`]
  })
  return [...lines, '', summaryOf(findings)].join('\n')
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length
  const [bad, doubtful] = [count('failed'), count('warning')]
  if (bad === 0 && doubtful === 0) return 'No problems found.'
  return `${bad} failed, ${doubtful} warnings.`
}
