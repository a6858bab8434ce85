import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { changelogOfRelease, notesOf } from './changelog.ts'

const CHANGELOG = `# Changelog

## Unreleased

### Added

- A thing.

## 0.1.0 - 2026-01-02

### Added

- All of it.
`

describe('a release', () => {
  it('moves the unreleased changes under its version', () => {
    const released = changelogOfRelease(CHANGELOG, '0.2.0', '2026-03-04')
    expect(released).toContain(
      '## Unreleased\n\n## 0.2.0 - 2026-03-04\n\n### Added\n\n- A thing.\n\n## 0.1.0',
    )
    expect(notesOf(released, '0.2.0')).toBe('### Added\n\n- A thing.')
    expect(notesOf(released, '0.1.0')).toBe('### Added\n\n- All of it.')
  })

  it('is rejected when nothing changed, and when it exists already', () => {
    const released = changelogOfRelease(CHANGELOG, '0.2.0', '2026-03-04')
    expect(() => changelogOfRelease(released, '0.3.0', '2026-03-05')).toThrow('nothing under "Unreleased"')
    expect(() => changelogOfRelease(CHANGELOG, '0.1.0', '2026-03-04')).toThrow('has 0.1.0 already')
    expect(() => notesOf(released, '0.3.0')).toThrow('says nothing of 0.3.0')
    expect(() => notesOf(released, '0.2')).toThrow('says nothing of 0.2')
  })

  it('can be made from the current changelog', () => {
    const text = readFileSync(join(import.meta.dirname, '../../CHANGELOG.md'), 'utf8')
    const released = changelogOfRelease(text, '999.0.0', '2026-03-04')
    expect(notesOf(released, '999.0.0')).toMatch(/^### /)
  })
})
