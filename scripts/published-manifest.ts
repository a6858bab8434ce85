/** What a workspace's `package.json` has that a published one has otherwise. */
const OWN_OF_THE_WORKSPACE = new Set(['private', 'scripts', 'exports', 'dependencies', 'devDependencies'])

/**
 * The `package.json` of a package as it is published: that of its workspace, with what the build says. Where a workflow
 * publishes it, it names the repository, without which the registry takes no statement of provenance.
 */
export function publishedManifest(workspace: object, built: object): string {
  const own = Object.entries(workspace).filter(([name]) => !OWN_OF_THE_WORKSPACE.has(name))
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
  const repository =
    GITHUB_SERVER_URL === undefined || GITHUB_REPOSITORY === undefined
      ? {}
      : { repository: { type: 'git', url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` } }
  return `${JSON.stringify({ ...Object.fromEntries(own), ...repository, ...built }, null, 2)}\n`
}
