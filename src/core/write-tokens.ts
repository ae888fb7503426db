/** Variables that carry the right to write somewhere, or lead to it: what agents and checks of a triage loop must not have. */
const names: ReadonlySet<string> = new Set([
  'SSH_AUTH_SOCK',
  'SSH_AGENT_PID',
  'SSH_ASKPASS',
  'GIT_ASKPASS',
  'GIT_SSH',
  'GIT_SSH_COMMAND',
  'GIT_CONFIG_COUNT',
  'GIT_CONFIG_PARAMETERS',
  'GPG_AGENT_INFO',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'KUBECONFIG',
  'NETRC',
  'PGPASSFILE',
  'VSCODE_GIT_IPC_HANDLE',
  'VSCODE_GIT_ASKPASS_MAIN',
  'VSCODE_GIT_ASKPASS_NODE',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'ACTIONS_RUNTIME_URL',
  'NPM_CONFIG__AUTH',
  // What is written to these files reaches later steps of a GitHub Action, which may hold a token.
  'GITHUB_ENV',
  'GITHUB_PATH',
  'GITHUB_OUTPUT',
  'GITHUB_STATE',
  'GITHUB_STEP_SUMMARY',
])

/** Who keeps code, packages, images and machines. */
const services =
  /^(?:GITHUB|GH|GHCR|GITLAB|GL|CI_JOB|CI_DEPLOY|CI_REGISTRY|BITBUCKET|GITEA|FORGEJO|CODEBERG|AZURE|AZ|ARM|AWS|GCP|GOOGLE_OAUTH|CLOUDSDK|DIGITALOCEAN|DO|HEROKU|VERCEL|NETLIFY|CLOUDFLARE|CF|FLY|RENDER|RAILWAY|SUPABASE|NPM|NPM_CONFIG|NODE_AUTH|YARN|PNPM|JSR|CARGO|CARGO_REGISTRY|CARGO_REGISTRIES|PYPI|TWINE|UV_PUBLISH|POETRY|HATCH|RUBYGEMS|GEM_HOST|BUNDLE|NUGET|MAVEN|SONATYPE|OSSRH|GRADLE|DOCKER|DOCKERHUB|QUAY|REGISTRY|VAULT|TF|TERRAFORM|PULUMI|KUBE|SLACK|DISCORD|JIRA|LINEAR|SENTRY|ACTIONS|RELEASE|DEPLOY|PUBLISH|CODECOV|SONAR|SNYK)(?:_|$)/i
const secret =
  /(?:^|_)(?:TOKENS?|PAT|SECRETS?|SECRET_?KEY|ACCESS_?KEY(?:_ID)?|PRIVATE_?KEY|API_?KEY|KEY|PASSWORD|PASSWD|PASS|CREDENTIALS?|AUTH|AUTHTOKEN|WEBHOOK(?:_URL)?)(?:_|$)/i
/** `GIT_CONFIG_VALUE_0` may be a header with a token. */
const gitConfig = /^GIT_CONFIG_(?:KEY|VALUE)_\d+$/i
const generic =
  /^(?:TOKEN|ACCESS_TOKEN|WRITE_TOKEN|PUSH_TOKEN|BOT_TOKEN|PAT|SSH_PRIVATE_KEY|DEPLOY_KEY|GPG_PRIVATE_KEY|SIGNING_KEY)$/i

/** Keys that pay for a model, and open nothing else. */
const models = /OPENAI|ANTHROPIC|BEDROCK|GEMINI|COPILOT/i

/** True for a variable that may carry the right to push, publish or deploy. Keys of model providers are none. */
export function isWriteToken(name: string): boolean {
  const plain = name.replace(/^(?:LOOPWRIGHT|INPUT)_/i, '')
  return (
    names.has(name.toUpperCase()) ||
    gitConfig.test(name) ||
    generic.test(plain) ||
    (services.test(plain) && secret.test(plain) && !models.test(plain)) ||
    // `npm_config_//registry.npmjs.org/:_authToken`
    /_authToken$|:_auth$|:_password$/i.test(name)
  )
}

/**
 * An environment without what may push, publish or deploy: for agents and checks, confined or not.
 *
 * @param keep names that stay all the same: what an agent needs to reach its model by way of a cloud (`AWS_ACCESS_KEY_ID` …)
 */
export function withoutWriteTokens(
  env: Readonly<Record<string, string>>,
  keep: readonly string[] = [],
): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => keep.includes(name) || !isWriteToken(name)))
}
