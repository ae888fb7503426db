import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { discover, resolveCommit } from './discover.ts'
import { removeTree } from './files.ts'
import { type Git, type GitResult, line, type OwnRepo } from './git.ts'
import { isAncestor, isCommitId, makeRepository, storesOf } from './repository.ts'
import { worktreesIn } from './state.ts'

/** Who pushes. A token goes to its host alone; a helper is a git credential helper that the user chose (`!gh auth git-credential`). */
export type PushCredentials =
  | { readonly token: string; readonly host: string }
  | { readonly helper: string; readonly host: string }

export interface PushRequest {
  readonly git: Git
  /** loopwright's state directory, for a scratch folder. */
  readonly home: string
  readonly project: string
  /** `loopwright/<run>`; no other branch is ever pushed to. */
  readonly branch: string
  /** What the branch shall be; a commit of the user's repository. */
  readonly commit: string
  /** The remote's name; `origin` by default. */
  readonly remote?: string
  readonly credentials?: PushCredentials
  /** How ssh is started, where the user says so (see `userSsh`); `ssh` by default. */
  readonly ssh?: string
  /** What we pushed there before: the branch is replaced if it still holds that. */
  readonly replace?: string
  /** Whether a remote may be a directory on this machine; not by default. Its hooks do not run. */
  readonly allowLocal?: boolean
  /** Milliseconds; 120,000 by default. */
  readonly timeoutMs?: number
}

/** `pushed`: false when the branch was there already. */
export interface Pushed {
  readonly branch: string
  readonly commit: string
  readonly pushed: boolean
}

const branchShape = /^loopwright\/(?!.*\.\.)(?!.*\.lock$)[A-Za-z0-9][A-Za-z0-9._-]{0,199}(?<!\.)$/

/** A remote on this machine is served without its hooks and without anything else it configures that starts a program. */
const localReceiver = [
  'git',
  ...[
    'core.hooksPath=/dev/null',
    'core.fsmonitor=false',
    'core.alternateRefsCommand=true',
    'gc.auto=0',
    'maintenance.auto=false',
  ]
    .concat('receive.autogc=false', 'receive.denyCurrentBranch=refuse')
    .flatMap((setting) => ['-c', setting]),
  'receive-pack',
].join(' ')

/**
 * Pushes one commit to the remote as a branch of ours, through a repository of ours: no hook runs, nobody is asked for a password, nothing
 * else goes. The branch is made, moved forward, or replaced when it still holds what we pushed. Rejects with `bad_input` (not such a branch
 * or commit, a remote we do not push to), `conflict` (somebody else moved the branch) and `workspace` (the remote refused).
 */
export async function pushBranch(request: PushRequest): Promise<Pushed> {
  const { git, home, project, branch, commit } = request
  if (!branchShape.test(branch)) {
    throw new LoopwrightError('bad_input', `only branches named loopwright/… are pushed, not ${JSON.stringify(branch)}`)
  }
  if (!isCommitId(commit)) throw new LoopwrightError('bad_input', `not a commit: ${JSON.stringify(commit)}`)
  const user = await discover(git, project)
  if (user === undefined) throw new LoopwrightError('bad_input', `${project} is not in a git repository`)
  if ((await resolveCommit(git, user, commit)) !== commit) {
    throw new LoopwrightError('not_found', `no commit ${commit.slice(0, 10)} in ${user.top}`)
  }
  const target = targetOf(await remoteUrl(git, user, request.remote ?? 'origin'), request)
  const places = worktreesIn(home)
  const folder = join(places, `.push-${randomBytes(6).toString('hex')}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    const repo = { gitDir: join(folder, 'control.git') }
    await makeRepository({ gitDir: repo.gitDir, user, stores: await storesOf(user), head: 'refs/heads/none' })
    return await pushFrom(repo, target, request)
  } finally {
    await removeTree(folder, places).catch(() => {})
  }
}

/**
 * The URL of a remote as the user configured it, with `url.….insteadOf` applied: where it is pushed to, or with `fetch` where it is read
 * from. Rejects with `bad_input` and `not_found`.
 */
export async function remoteUrl(
  git: Git,
  place: { readonly top: string },
  remote: string,
  way: 'push' | 'fetch' = 'push',
): Promise<string> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/.test(remote)) {
    throw new LoopwrightError('bad_input', `not the name of a remote: ${JSON.stringify(remote)}`)
  }
  const args = ['remote', 'get-url', ...(way === 'push' ? ['--push'] : []), '--', remote]
  const seen = await git.user({ cwd: place.top }, args, { ok: [0, 2, 128] })
  const url = line(seen.stdout)
  if (seen.code === 0 && url !== '') return url
  throw new LoopwrightError('not_found', `${place.top} has no remote ${remote}`, {
    hint: `git remote add ${remote} URL`,
  })
}

interface Target {
  readonly url: string
  readonly protocol: 'https' | 'http' | 'ssh' | 'file'
  /** `https://github.com/`, where a header or a helper is for. */
  readonly origin?: string
  readonly header?: string
  readonly helper?: string
}

function targetOf(given: string, { credentials, allowLocal = false }: PushRequest): Target {
  const refuse = (why: string): never => {
    throw new LoopwrightError('bad_input', `the remote is not pushed to: ${why}`)
  }
  if (!/^[^\p{Cc}\s]+$/u.test(given) || given.startsWith('-') || given.includes('::')) return refuse('its URL is odd')
  if (!given.includes('://')) {
    if (/^(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]+:(?!-)/.test(given)) return { url: given, protocol: 'ssh' }
    return given.startsWith('/') && allowLocal
      ? { url: given, protocol: 'file' }
      : refuse('it is a path on this machine')
  }
  if (!URL.canParse(given)) return refuse('its URL is odd')
  const url = new URL(given)
  const protocol = url.protocol.slice(0, -1)
  if (protocol === 'file') return allowLocal ? { url: given, protocol } : refuse('it is a path on this machine')
  if (protocol === 'ssh' || protocol === 'git+ssh') {
    return url.hostname.startsWith('-') || url.pathname.startsWith('/-')
      ? refuse('its URL is odd')
      : { url: given, protocol: 'ssh' }
  }
  const loopback =
    url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(url.hostname)
  if (protocol !== 'https' && !(protocol === 'http' && loopback))
    return refuse(`${protocol} is not one of https and ssh`)
  // A password in the URL would stand in the list of processes.
  const login =
    url.password === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  const ours = credentials?.host.toLowerCase() === url.host ? credentials : undefined
  const basic = ours !== undefined && 'token' in ours ? `x-access-token:${ours.token}` : login
  return {
    url: url.href,
    protocol,
    origin: `${url.origin}/`,
    ...(basic === undefined ? {} : { header: `Authorization: Basic ${Buffer.from(basic).toString('base64')}` }),
    ...(ours !== undefined && 'helper' in ours ? { helper: ours.helper } : {}),
  }
}

async function pushFrom(repo: OwnRepo, target: Target, request: PushRequest): Promise<Pushed> {
  const { git, branch, commit, replace } = request
  const ref = `refs/heads/${branch}`
  const options = { env: environmentFor(target, request.ssh), timeoutMs: request.timeoutMs ?? 120_000 }
  const listed = await run(
    git,
    repo,
    ['ls-remote', '--refs', ...receiver(target, 'upload-pack'), 'target', ref],
    options,
    'read',
  )
  const there = /^([0-9a-f]{40,64})\t/.exec(listed.stdout.toString())?.[1]
  if (there === commit) return { branch, commit, pushed: false }
  const forward = there === undefined || there === replace || (await isForward(git, repo, there, commit))
  if (!forward) throw moved(branch)
  const args = ['push', '--porcelain', '--no-verify', '--no-follow-tags', '--no-signed', '--recurse-submodules=no']
  args.push(
    ...receiver(target, 'receive-pack'),
    `--force-with-lease=${ref}:${there ?? ''}`,
    'target',
    `${commit}:${ref}`,
  )
  await run(git, repo, args, options, 'push').catch((error) => {
    if (/stale info|fetch first|non-fast-forward/.test(messageOf(error))) throw moved(branch)
    throw error
  })
  return { branch, commit, pushed: true }
}

async function isForward(git: Git, repo: OwnRepo, from: string, to: string): Promise<boolean> {
  const known = await git.own(repo, ['cat-file', '-e', `${from}^{commit}`], { ok: [0, 1, 128] })
  return known.code === 0 && (await isAncestor(git, repo, from, to))
}

function moved(branch: string): LoopwrightError {
  return new LoopwrightError('conflict', `somebody else moved the branch ${branch} of the remote`, {
    hint: 'it is not overwritten: rename or delete it there, then try again',
  })
}

/** A path on this machine is served by a git that we start; it must not do what that repository's configuration says. */
function receiver({ protocol }: Target, what: 'upload-pack' | 'receive-pack'): string[] {
  if (protocol !== 'file') return []
  return [`--${what}=${what === 'receive-pack' ? localReceiver : localReceiver.replace(/receive-pack$/, what)}`]
}

/** Settings by environment, which other users of the machine cannot read, and which are kept nowhere. */
function environmentFor({ url, protocol, origin, header, helper }: Target, ssh = 'ssh'): Record<string, string> {
  const settings: [string, string][] = [
    ['remote.target.url', url],
    ['http.followRedirects', 'false'],
    ['credential.interactive', 'false'],
    ['push.default', 'nothing'],
    ['push.gpgSign', 'false'],
  ]
  if (origin !== undefined && header !== undefined) settings.push([`http.${origin}.extraHeader`, header])
  if (origin !== undefined && helper !== undefined) settings.push([`credential.${origin}.helper`, helper])
  return {
    GIT_ALLOW_PROTOCOL: protocol,
    // Beats the setting that keeps every other call from the network.
    ...(protocol === 'ssh' ? { GIT_SSH_COMMAND: withoutQuestions(ssh) } : {}),
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([name, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, name],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  }
}

/** Only OpenSSH knows the option; others are not asked either: no terminal is theirs. */
function withoutQuestions(ssh: string): string {
  const [program = ''] = ssh.trim().split(/\s+/)
  return /(?:^|\/)ssh$/.test(program) ? `${ssh} -o BatchMode=yes` : ssh
}

async function run(
  git: Git,
  repo: OwnRepo,
  args: readonly string[],
  options: { env: Record<string, string>; timeoutMs: number },
  what: 'read' | 'push',
): Promise<GitResult> {
  // A push that is refused says so on stdout.
  const seen = await git.own(repo, args, { ...options, ok: [0, 1, 128], maxBytes: 1024 * 1024 })
  if (seen.code === 0) return seen
  const refusal = seen.stdout
    .toString()
    .split('\n')
    .find((text) => text.startsWith('!'))
  const said = [refusal?.split('\t').at(-1), seen.stderr.trim()]
    .filter((text) => text !== undefined && text !== '')
    .join('\n')
  throw new LoopwrightError(
    'workspace',
    `the remote cannot be ${what === 'read' ? 'read' : 'pushed to'}: ${said.slice(0, 1000)}`,
    {
      hint: hintFor(said),
    },
  )
}

function hintFor(said: string): string {
  if (/workflow/i.test(said)) return 'the token needs the scope workflow to change files in .github/workflows'
  if (/authentication|could not read Username|403|401|Permission denied|terminal prompts/i.test(said)) {
    return 'give a GITHUB_TOKEN that may write contents, log in with gh, or use an ssh key that an agent holds'
  }
  return 'git push from the repository itself shows more'
}
