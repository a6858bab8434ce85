/**
 * Reads and edits the changelog (https://keepachangelog.com/en/1.1.0/): one section per version, the newest
 * first.
 */

const UNRELEASED = '## Unreleased'

/**
 * Returns the changelog with the unreleased entries under a version and a date. Throws when there are none.
 */
export function changelogOfRelease(changelog: string, version: string, date: string): string {
  if (sectionOf(changelog, version) !== undefined) throw new Error(`the changelog has ${version} already`)
  if (!sectionOf(changelog, 'Unreleased')) throw new Error('the changelog has nothing under "Unreleased"')
  return changelog.replace(UNRELEASED, `${UNRELEASED}\n\n## ${version} - ${date}`)
}

/** Returns the changelog of a version. Throws when it has no entries. */
export function notesOf(changelog: string, version: string): string {
  const notes = sectionOf(changelog, version)
  if (!notes) throw new Error(`the changelog says nothing of ${version}`)
  return notes
}

function sectionOf(changelog: string, name: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1)
  const section = sections.find((text) => text.split(/[\s]/, 1)[0] === name)
  return section?.slice(section.indexOf('\n')).trim()
}
