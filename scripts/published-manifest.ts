/** The fields of a workspace's `package.json` that are not copied to the published one. */
const OWN_OF_THE_WORKSPACE = new Set(['private', 'scripts', 'exports', 'dependencies', 'devDependencies'])

/**
 * Returns the `package.json` of a published package: that of its workspace,
 * extended by the build. When a workflow publishes it, it contains the
 * repository, without which the registry accepts no provenance statement.
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
