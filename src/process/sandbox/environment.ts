/** Variables every confined process gets when they are set: who and where it is, what its terminal can do, where its tools are. No secret is among them. */
const basic: readonly string[] = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'LC_*',
  'TERM',
  'TZ',
  'CI',
  'NO_COLOR',
  'FORCE_COLOR',
  'COLORTERM',
  'NODE_ENV',
  'EDITOR',
  'PAGER',
  'XDG_CONFIG_HOME',
  'XDG_CACHE_HOME',
  'XDG_DATA_HOME',
  'XDG_STATE_HOME',
  'JAVA_HOME',
  'GOPATH',
  'GOROOT',
  'CARGO_HOME',
  'RUSTUP_HOME',
  'NVM_DIR',
  'PYENV_ROOT',
  'VOLTA_HOME',
  'VIRTUAL_ENV',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
]

const facts = 'LOOPWRIGHT_'
const secretFact = /TOKEN|SECRET|KEY|PASSWORD/

/**
 * What of an environment a confined process sees: the basic variables, the run's facts (`LOOPWRIGHT_*`, but no token) and what the patterns name;
 * a `*` at a pattern's end stands for any rest.
 */
export function allowedEnvironment(
  env: Readonly<Record<string, string>>,
  patterns: readonly string[],
): Record<string, string> {
  const all = [...basic, ...patterns]
  const passes = (name: string) =>
    (name.startsWith(facts) && !secretFact.test(name)) || all.some((pattern) => fits(name, pattern))
  return Object.fromEntries(Object.entries(env).filter(([name]) => passes(name)))
}

function fits(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** Where tools that must write a cache write it when the home is read-only; what the process has set itself stays. */
export function privateCaches(temp: string): Record<string, string> {
  return {
    npm_config_cache: `${temp}/npm-cache`,
    GOCACHE: `${temp}/go-build`,
    UV_CACHE_DIR: `${temp}/uv-cache`,
  }
}
