/**
 * The settings of an existing deployment of the Fluxer Media Proxy, and the standard variables of AWS. They
 * apply to settings that have no value, so that this service can replace the other one without a new
 * configuration.
 */

/** A setting whose value was found under another name. */
export interface InheritedSetting {
  readonly path: readonly string[]
  readonly value: unknown
  /** The variable, or the member of `FLUXER_CONFIG`, that has the value. */
  readonly from: string
}

/** The variable that contains the path of a JSON file, or the JSON text itself. */
export const FLUXER_CONFIG_VARIABLE = 'FLUXER_CONFIG'

interface Name {
  readonly from: string
  readonly path: string
  readonly read?: (text: string, environment: Environment) => unknown
}

type Environment = Readonly<Record<string, unknown>>

const flagOf = (text: string): unknown =>
  /^(1|true|yes|on)$/i.test(text) ? 'true' : /^(0|false|no|off)$/i.test(text) ? 'false' : text

/** Variables in order of precedence. When a setting has several names, the first one that is set counts. */
export const INHERITED_VARIABLES: readonly Name[] = [
  { from: 'FLUXER_MEDIA_PROXY_HOST', path: 'host' },
  { from: 'FLUXER_MEDIA_PROXY_PORT', path: 'port' },
  { from: 'FLUXER_MEDIA_PROXY_SECRET_KEY', path: 'secretKey' },
  { from: 'FLUXER_MEDIA_PROXY_PUBLIC_ENDPOINT', path: 'publicUrl' },
  { from: 'FLUXER_MEDIA_PROXY_CORS_ALLOWED_ORIGINS', path: 'corsOrigins', read: originsOf },
  { from: 'FLUXER_MEDIA_PROXY_ATTACHMENT_SIGNATURE_MODE', path: 'attachmentSignatures', read: signatureMode },
  { from: 'FLUXER_MEDIA_PROXY_ATTACHMENT_URL_SECRETS_BASE64', path: 'attachmentSecrets' },
  { from: 'FLUXER_MEDIA_PROXY_UPLOAD_RELAY_SECRET_BASE64', path: 'uploadRelaySecret' },
  { from: 'FLUXER_MEDIA_PROXY_STORAGE_ROOT', path: 'storageDir' },
  { from: 'FLUXER_MEDIA_PROXY_REQUIRE_CLOUDFLARE', path: 'requireCloudflareEdge', read: flagOf },
  { from: 'FLUXER_MEDIA_PROXY_STATIC_MODE', path: 'staticMode', read: flagOf },
  { from: 'FLUXER_S3_ENDPOINT', path: 's3.endpoint' },
  { from: 'FLUXER_S3_REGION', path: 's3.region' },
  { from: 'FLUXER_S3_ACCESS_KEY_ID', path: 's3.accessKeyId' },
  { from: 'FLUXER_S3_SECRET_ACCESS_KEY', path: 's3.secretAccessKey' },
  { from: 'FLUXER_S3_SESSION_TOKEN', path: 's3.sessionToken' },
  { from: 'FLUXER_S3_FORCE_PATH_STYLE', path: 's3.pathStyle', read: flagOf },
  { from: 'FLUXER_S3_BUCKET_CDN', path: 's3.bucketCdn' },
  { from: 'FLUXER_S3_BUCKET_UPLOADS', path: 's3.bucketUploads' },
  { from: 'FLUXER_S3_BUCKET_STATIC', path: 's3.bucketStatic' },
]

/**
 * Used only when other settings select S3, because many machines have these variables set for other programs.
 */
export const AWS_VARIABLES: readonly Name[] = [
  { from: 'AWS_ENDPOINT_URL_S3', path: 's3.endpoint' },
  { from: 'AWS_ENDPOINT_URL', path: 's3.endpoint' },
  { from: 'AWS_REGION', path: 's3.region' },
  { from: 'AWS_DEFAULT_REGION', path: 's3.region' },
  { from: 'AWS_ACCESS_KEY_ID', path: 's3.accessKeyId' },
  { from: 'AWS_SECRET_ACCESS_KEY', path: 's3.secretAccessKey' },
  { from: 'AWS_SESSION_TOKEN', path: 's3.sessionToken' },
]

/** The members of `FLUXER_CONFIG` in `s3` and `services.media_proxy` that are read. */
export const INHERITED_MEMBERS: readonly { readonly member: string; readonly path: string }[] = [
  { member: 's3.endpoint', path: 's3.endpoint' },
  { member: 's3.region', path: 's3.region' },
  { member: 's3.access_key_id', path: 's3.accessKeyId' },
  { member: 's3.secret_access_key', path: 's3.secretAccessKey' },
  { member: 's3.buckets.cdn', path: 's3.bucketCdn' },
  { member: 's3.buckets.uploads', path: 's3.bucketUploads' },
  { member: 's3.buckets.static', path: 's3.bucketStatic' },
  { member: 'services.media_proxy.host', path: 'host' },
  { member: 'services.media_proxy.port', path: 'port' },
  { member: 'services.media_proxy.secret_key', path: 'secretKey' },
  { member: 'services.media_proxy.require_cloudflare_edge', path: 'requireCloudflareEdge' },
  { member: 'services.media_proxy.static_mode', path: 'staticMode' },
  { member: 'services.media_proxy.rate_limit.limit', path: 'rateLimitConfig.maxAttempts' },
  { member: 'services.media_proxy.rate_limit.window_ms', path: 'rateLimitConfig.windowMs' },
]

/** Returns the settings in the environment and in a parsed `FLUXER_CONFIG`, in order of precedence. */
export function inheritedSettings(
  environment: Environment,
  fluxerConfig: unknown,
): readonly InheritedSetting[] {
  const members = INHERITED_MEMBERS.flatMap(({ member, path }) => {
    const value = memberOf(fluxerConfig, member.split('.'))
    return value === undefined || value === null || value === ''
      ? []
      : [{ path: path.split('.'), value, from: `${FLUXER_CONFIG_VARIABLE}, ${member}` }]
  })
  // A configured rate enables the rate limit.
  const limited = members.find(({ path }) => path.at(-1) === 'maxAttempts')
  const enabled =
    limited === undefined ? [] : [{ path: ['rateLimitConfig', 'enabled'], value: true, from: limited.from }]
  return [...variables(INHERITED_VARIABLES, environment), ...members, ...enabled]
}

/** Returns the settings in the AWS variables. */
export function awsSettings(environment: Environment): readonly InheritedSetting[] {
  return variables(AWS_VARIABLES, environment)
}

function variables(names: readonly Name[], environment: Environment): readonly InheritedSetting[] {
  return names.flatMap(({ from, path, read }) => {
    const text = environment[from]
    if (typeof text !== 'string' || text.trim() === '') return []
    const value = read === undefined ? text.trim() : read(text.trim(), environment)
    return [{ path: path.split('.'), value, from }]
  })
}

/** Returns the list of origins, or `*` when the mode allows every origin. */
function originsOf(text: string, environment: Environment): unknown {
  const mode = String(environment.FLUXER_MEDIA_PROXY_CORS_MODE ?? '')
  return /^(\*|any|all|open|public|permissive|wildcard)$/i.test(mode.trim()) ? '*' : text
}

function signatureMode(text: string): unknown {
  const mode = text.toLowerCase().replaceAll(/[-_ ]/g, '')
  if (/^(off|none|disabled?|false)$/.test(mode)) return 'off'
  if (/^(report|reportonly|monitor|log|warn)$/.test(mode)) return 'report'
  return /^(enforced?|required?|strict|on|true)$/.test(mode) ? 'enforce' : text
}

function memberOf(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, key) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, key)
        ? (found as Record<string, unknown>)[key]
        : undefined,
    value,
  )
}
