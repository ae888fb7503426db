import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import { overUser } from './create.ts'
import { discover, resolveCommit, type UserRepo } from './discover.ts'
import { isInside, realPathOf } from './files.ts'
import { type Git, line, type OwnRepo, records, shown } from './git.ts'
import { emptyTree } from './inplace.ts'
import { makeRepository, storesOf } from './repository.ts'
import { gitlinks, stage } from './stage.ts'

/** What the files of a repository, as they lie there, differ in from a commit. */
export interface UserChange {
  /** From the top of the repository; a renamed file with both names. A name that is not UTF-8 holds U+FFFD. */
  readonly paths: readonly string[]
  /** Added and removed in all, of text. */
  readonly lines: number
  /** Unified, bounded. */
  readonly diff: string
  readonly truncated: boolean
  /** What could not be read, for people: sockets, giants, files without permission. */
  readonly leftOut: readonly string[]
  /** Submodules that stand at another commit than the index says; no diff shows them. */
  readonly moved: readonly string[]
  /** Of this commit; undefined where there is none yet. */
  readonly base: string | undefined
  /** Where the project lies in the repository: '' or `sub/`. */
  readonly prefix: string
  readonly top: string
}

const largestDiff = 32 * 1024 * 1024

/**
 * What is changed in a working copy, new files among it and ignored ones not: against HEAD, or against where it left `base`.
 * Changes nothing there. Rejects with `bad_input` outside of a repository and for a ref that does not exist.
 *
 * @param home where a repository of ours may stand meanwhile; absolute
 */
export async function userChange(
  git: Git,
  request: { readonly project: string; readonly home: string; readonly base?: string | undefined },
): Promise<UserChange> {
  const { project, home, base } = request
  const user = await discover(git, project)
  if (user === undefined) {
    throw new LoopwrightError('bad_input', `${project} is in no git repository`, {
      hint: 'gate check takes names of files by --paths a,b, and gate scan a patch by --stdin',
    })
  }
  await mkdir(home, { recursive: true, mode: 0o700 })
  const folder = await mkdtemp(join(home, 'change-'))
  try {
    const gitDir = join(folder, 'control.git')
    await makeRepository({ gitDir, user, stores: await storesOf(user), head: 'refs/heads/none' })
    const repo = await overUser(git, gitDir, user, 'change-index')
    const moved = await movedSubmodules(git, repo, user)
    const from = await baseOf(git, repo, user, base)
    const staged = await stage(git, repo, { gitlinks: await gitlinks(git, repo), suspectGitlinks: false })
    const compare = async (args: readonly string[], maxBytes?: number) => {
      const fixed = ['diff-tree', '-r', '--no-color', '--no-ext-diff', '--no-textconv', '--ignore-submodules=none']
      return await git.own(repo, [...fixed, ...args, from ?? emptyTree(user.format), staged.tree], {
        ...(maxBytes === undefined ? {} : { maxBytes, truncate: true }),
      })
    }
    const names = records((await compare(['-z', '--name-only', '--no-renames'])).stdout).map(shown)
    const counts = line((await compare(['--numstat', '-M'])).stdout)
    const { stdout, truncated } = await compare(['-p', '-M', '--src-prefix=a/', '--dst-prefix=b/'], largestDiff)
    return {
      ...{
        paths: [...new Set([...names, ...staged.leftOut, ...moved])],
        leftOut: staged.leftOut,
        moved,
        base: from,
        top: user.top,
      },
      prefix: user.prefix === '' ? '' : `${user.prefix}/`,
      ...{ lines: linesOf(counts), diff: stdout.toString('utf8'), truncated },
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The text of a file in a commit, from the top of the repository; undefined where there is none. */
export async function fileInCommit(git: Git, top: string, commit: string, path: string): Promise<string | undefined> {
  const { code, stdout } = await git.user({ cwd: top }, ['cat-file', 'blob', `${commit}:${path}`], { ok: [0, 1, 128] })
  return code === 0 ? stdout.toString('utf8') : undefined
}

async function movedSubmodules(git: Git, repo: OwnRepo, user: UserRepo): Promise<string[]> {
  const found: string[] = []
  for (const entry of records((await git.own(repo, ['ls-files', '-s', '-z'])).stdout)) {
    if (!entry.startsWith('160000 ')) continue
    const path = shown(entry.slice(entry.indexOf('\t') + 1))
    const place = await realPathOf(join(user.top, path))
    if (place === undefined || !isInside(user.top, place)) continue
    const asked = await git.user({ cwd: place }, ['rev-parse', '--show-toplevel', 'HEAD'], { ok: [0, 128] })
    const [top, head] = line(asked.stdout).split('\n')
    // One that was never checked out answers for the repository around it.
    if (asked.code === 0 && top === place && head !== entry.split(' ')[1]) found.push(path)
  }
  return found
}

async function baseOf(git: Git, repo: OwnRepo, user: UserRepo, name: string | undefined): Promise<string | undefined> {
  const head = await resolveCommit(git, user, 'HEAD')
  if (name === undefined) return head
  const commit = await resolveCommit(git, user, name)
  if (commit === undefined) {
    throw new LoopwrightError('bad_input', `there is no branch or commit ${JSON.stringify(name.slice(0, 100))}`)
  }
  if (head === undefined) return commit
  const { code, stdout } = await git.own(repo, ['merge-base', commit, head], { ok: [0, 1] })
  return code === 0 ? line(stdout) : commit
}

function linesOf(numstat: string): number {
  let sum = 0
  for (const row of numstat.split('\n')) {
    const [added, removed] = row.split('\t')
    sum += (Number(added) || 0) + (Number(removed) || 0)
  }
  return sum
}
