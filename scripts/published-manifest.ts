import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What a workspace's `package.json` has that a published one has otherwise. */
const OWN_OF_THE_WORKSPACE = [
  'private',
  'scripts',
  'exports',
  'bin',
  'dependencies',
  'devDependencies',
] as const

/**
 * The `package.json` of a package as it is published: that of its folder, with what the build says. Where a workflow
 * publishes it, it names the repository, without which the registry takes no statement of provenance.
 */
export async function publishedManifest(folder: string, built: object): Promise<string> {
  const own: Record<string, unknown> = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  for (const name of OWN_OF_THE_WORKSPACE) delete own[name]
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
  const repository =
    GITHUB_SERVER_URL === undefined || GITHUB_REPOSITORY === undefined
      ? {}
      : { repository: { type: 'git', url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` } }
  return `${JSON.stringify({ ...own, ...repository, ...built }, null, 2)}\n`
}
