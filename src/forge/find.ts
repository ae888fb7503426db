import type { Clock, RunCommand } from '../core/ports.ts'
import type { Forge } from '../core/triage/ports.ts'
import { githubGh, quietGh } from './github-gh.ts'
import { apiBase, githubRest } from './github-rest.ts'
import { parseRemote, parseRepository } from './remote.ts'

export interface FindForgeOptions {
  /** The URL of the project's remote. */
  readonly remote?: string | undefined
  /** `owner/name` where the environment says so (`GITHUB_REPOSITORY`): counts where the remote names no repository of a forge. */
  readonly repository?: string | undefined
  /** `GH_TOKEN` or `GITHUB_TOKEN`. */
  readonly token?: string | undefined
  /** `GITHUB_API_URL`: where the user wants the token sent. */
  readonly apiUrl?: string | undefined
  /** Hosts besides github.com that the user says are GitHub (`GH_HOST`, `GITHUB_SERVER_URL`). A project's files must not name them. */
  readonly hosts?: readonly (string | undefined)[]
  /** Runs `gh`; absent: it is not looked for. */
  readonly run?: RunCommand | undefined
  /** Where `gh` runs; not the project. */
  readonly cwd: string
  /** `gh` by default. */
  readonly program?: string
  readonly clock: Clock
  readonly signal?: AbortSignal
}

/** What was found: a forge and how it is reached, or why there is none, for people. */
export type FoundForge =
  | { readonly forge: Forge; readonly by: 'gh' | 'token'; readonly host: string }
  | { readonly why: string }

/** The usual API: `gh` knows it too. */
const publicApi = 'https://api.github.com'

/**
 * The forge of a project: by `gh` when that is installed and logged in, else by REST with the token. A host that only the remote names
 * never gets a token: a cloned repository could name any. Throws `bad_input` for a repository or an API address that cannot be one.
 */
export async function findForge(options: FindForgeOptions): Promise<FoundForge> {
  const place = placeOf(options)
  if ('why' in place) return place
  const { repository, host } = place
  const { clock, token, cwd, program = 'gh', signal } = options
  const common = { repository, clock, ...(signal === undefined ? {} : { signal }) }
  const apiUrl = options.apiUrl === undefined ? undefined : apiBase(options.apiUrl).href.replace(/\/$/, '')
  const elsewhere = apiUrl !== undefined && apiUrl !== usualApi(host)
  const gh = elsewhere || options.run === undefined ? 'not asked' : await lookForGh(options, options.run, host)
  if (gh === 'ready' && options.run !== undefined) {
    return { forge: githubGh({ ...common, run: options.run, cwd, program, host }), by: 'gh', host }
  }
  if (token !== undefined && token !== '') {
    return { forge: githubRest({ ...common, token, apiUrl: apiUrl ?? usualApi(host) }), by: 'token', host }
  }
  const said = gh === 'ready' || gh === 'not asked' ? '' : gh
  return { why: `${said === '' ? '' : `${said}, and `}there is no GITHUB_TOKEN or GH_TOKEN` }
}

function placeOf(options: FindForgeOptions): { repository: string; host: string } | { why: string } {
  const apiHost = options.apiUrl === undefined ? undefined : apiBase(options.apiUrl).host
  const named = (options.hosts ?? []).flatMap((one) => (one === undefined || one === '' ? [] : [hostOf(one)]))
  const remote = options.remote === undefined ? undefined : parseRemote(options.remote)
  if (remote === undefined && options.repository !== undefined) {
    const { owner, name } = parseRepository(options.repository)
    return { repository: `${owner}/${name}`, host: named[0] ?? 'github.com' }
  }
  if (options.remote === undefined) return { why: 'the repository has no remote' }
  if (remote === undefined) return { why: 'the remote is no repository on GitHub' }
  const known = ['github.com', ...named, ...(apiHost === undefined ? [] : [apiHost, apiHost.replace(/^api\./, '')])]
  if (!known.includes(remote.host)) {
    return { why: `the remote is at ${remote.host}, which nobody said is GitHub: GH_HOST or GITHUB_API_URL does` }
  }
  return { repository: `${remote.owner}/${remote.name}`, host: remote.host }
}

function hostOf(text: string): string {
  return (URL.canParse(text) && text.includes('://') ? new URL(text).host : text).toLowerCase()
}

function usualApi(host: string): string {
  if (host === 'github.com') return publicApi
  return host.endsWith('.ghe.com') ? `https://api.${host}` : `https://${host}/api/v3`
}

/** `ready`, or why it is not. */
async function lookForGh(options: FindForgeOptions, run: RunCommand, host: string): Promise<string> {
  const { cwd, program = 'gh', signal = new AbortController().signal } = options
  const argv = [program, 'auth', 'status', '--hostname', host]
  const seen = await run({ name: 'gh auth status', argv, env: quietGh, timeoutMs: 20_000 }, { cwd, signal })
  signal.throwIfAborted()
  if (seen.exitCode === 0) return 'ready'
  const missing = seen.exitCode === 127 || seen.error?.startsWith('command not found') === true
  if (missing) return 'gh is not installed'
  return seen.exitCode === null ? `gh was not run: ${seen.error}` : `gh is not logged in to ${host}`
}
