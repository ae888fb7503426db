import { copyFile, mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import type { WorkspaceSpec } from '../core/ports.ts'
import { resolveCommit, type UserRepo } from './discover.ts'
import { isInside, kindOf, readText, realPathOf, removeTree } from './files.ts'
import { type Git, line, records, shown } from './git.ts'
import { userIndex } from './publish.ts'
import {
  checkRevision,
  commitTree,
  copyObjects,
  isCommitId,
  makeRepository,
  readRef,
  storesOf,
  writeRef,
} from './repository.ts'
import { gitlinks, stage } from './stage.ts'
import { nameOf, type RunPlaces, type RunState, readState, worktreesIn, writeState } from './state.ts'
import { type Bench, checkOut, survey, type Tree, treeAt } from './worktree.ts'

/** The run's own worktree. */
export function mainTree(bench: Bench): Tree {
  return treeAt(bench, 'main', 'work', `refs/heads/${bench.state.branch}`, bench.state.base)
}

/** Makes a run's folder: repository, branch, worktree. What a failure leaves has no state file and is swept away next time. */
export async function createRun(
  git: Git,
  home: string,
  places: RunPlaces,
  user: UserRepo,
  spec: WorkspaceSpec,
  now: number,
): Promise<Bench> {
  await removeTree(places.folder, worktreesIn(home))
  await mkdir(places.folder, { recursive: true, mode: 0o700 })
  try {
    const branch = `loopwright/${nameOf(spec.run)}`
    const head = `refs/heads/${branch}`
    await makeRepository({ gitDir: places.control.gitDir, user, stores: await storesOf(user), head })
    const wanted = await findBase(git, home, places, user, spec)
    const kept = await publishedBefore(git, places, user, head, wanted)
    const start = kept?.start ?? wanted
    await writeRef(places.control, head, kept?.tip ?? start.base)
    const state: RunState = {
      version: 1,
      run: spec.run,
      project: spec.project,
      user,
      branch,
      base: start.base,
      known: start.known,
      unborn: start.unborn,
      gitlinks: [],
      warnings: [],
      createdAt: now,
    }
    const bench: Bench = { git, places, state, notes: new Set() }
    const tree = mainTree(bench)
    const [, dirty] = await Promise.all([checkOut(bench, tree), start.unborn ? 0 : countDirty(git, places, user)])
    const found = await survey(bench, tree)
    const done: RunState = {
      ...state,
      gitlinks: found.gitlinks,
      warnings: [
        ...(start.unborn ? ['the repository has no commit yet: the worktree starts from its files as they are'] : []),
        ...dirtyWarning(dirty, start.base),
        ...((await liesIn(home, user))
          ? [`the state directory ${home} lies in the repository: keep it elsewhere`]
          : []),
        ...(found.gitlinks.length > 0 ? [`submodules are left empty: ${found.gitlinks.map(shown).join(', ')}`] : []),
        ...((await usesLfs(tree, found.attributes)) ? ['files kept by git LFS stay pointers in the worktree'] : []),
      ],
    }
    await writeState(places, done)
    return { ...bench, state: done }
  } catch (error) {
    await removeTree(places.folder, worktreesIn(home)).catch(() => {})
    throw error
  }
}

/** The run's branch in the user's repository, when all else of the run was deleted: the work goes on from there. */
async function publishedBefore(git: Git, places: RunPlaces, user: UserRepo, head: string, wanted: Start) {
  const tip = await resolveCommit(git, user, head)
  if (tip === undefined) return undefined
  const { code, stdout } = await git.own(places.control, ['merge-base', wanted.base, tip], { ok: [0, 1, 128] })
  const base = line(stdout)
  if (code !== 0 || !isCommitId(base)) return undefined
  return { tip, start: { ...wanted, base, known: [...wanted.known, tip] } }
}

/** State within the repository shows up as the user's files, and may end in a commit. */
async function liesIn(home: string, user: UserRepo): Promise<boolean> {
  return isInside(user.top, (await realPathOf(home)) ?? home)
}

function dirtyWarning(count: number, base: string): string[] {
  if (count === 0) return []
  const what = count === 1 ? '1 uncommitted change is' : `${count} uncommitted changes are`
  return [`${what} not in the worktree, which starts at commit ${base.slice(0, 10)}`]
}

async function usesLfs(tree: Tree, attributes: readonly string[]): Promise<boolean> {
  for (const path of attributes.slice(0, 200)) {
    const text = await readFile(join(tree.root, shown(path)), 'utf8').catch(() => '')
    if (/\bfilter=lfs\b/.test(text)) return true
  }
  return false
}

interface Start {
  readonly base: string
  readonly known: readonly string[]
  readonly unborn: boolean
}

async function findBase(
  git: Git,
  home: string,
  places: RunPlaces,
  user: UserRepo,
  spec: WorkspaceSpec,
): Promise<Start> {
  const wanted = spec.base ?? 'HEAD'
  checkRevision(wanted)
  const found = await resolveCommit(git, user, wanted)
  if (found !== undefined) return { base: found, known: [found], unborn: false }
  const other = await fromOtherRun(git, home, places, user, wanted)
  if (other !== undefined) return other
  if (spec.base !== undefined && spec.base !== 'HEAD') {
    throw new LoopwrightError('bad_input', `no such branch or commit: ${spec.base}`, {
      hint: 'git branch lists the branches of the repository',
    })
  }
  return { base: await snapshot(git, places, user), known: [], unborn: true }
}

/** A checkpoint or branch that only another run's repository holds. */
async function fromOtherRun(
  git: Git,
  home: string,
  places: RunPlaces,
  user: UserRepo,
  wanted: string,
): Promise<Start | undefined> {
  if (!isCommitId(wanted) && !wanted.startsWith('loopwright/')) return undefined
  for (const name of await readdir(worktreesIn(home)).catch(() => [])) {
    if (name.startsWith('.') || name === basename(places.folder)) continue
    const folder = join(worktreesIn(home), name)
    const control = { gitDir: join(folder, 'control.git') }
    const state = await readState({ ...places, folder, state: join(folder, 'run.json'), control }).catch(
      () => undefined,
    )
    if (state === undefined || state.user.commonDir !== user.commonDir) continue
    const commit = isCommitId(wanted) ? wanted : await readRef(control, `refs/heads/${wanted}`)
    if (commit === undefined) continue
    if ((await git.own(control, ['cat-file', '-e', `${commit}^{commit}`], { ok: [0, 1, 128] })).code !== 0) continue
    await copyObjects(git, control, places.control, [commit], state.known)
    return { base: commit, known: state.known, unborn: state.unborn }
  }
  return undefined
}

/** A copy of the user's index, read with our configuration, over the user's files. */
export async function overUser(git: Git, gitDir: string, user: UserRepo, name: string) {
  const index = join(gitDir, name)
  const source = userIndex(user)
  const repo = { gitDir, workTree: user.top, index }
  await mkdir(dirname(index), { recursive: true })
  if ((await kindOf(source)) === 'file') {
    await copyFile(source, index)
    const { mtimeMs } = await stat(source)
    // The copy must not look newer: git compares a file's content only when it may be as young as the index.
    await utimes(index, mtimeMs / 1000, Math.floor(mtimeMs / 1000))
    for (const file of await readdir(user.gitDir)) {
      if (file.startsWith('sharedindex.')) await copyFile(join(user.gitDir, file), join(gitDir, file))
    }
  } else await git.own(repo, ['read-tree', '--empty'])
  return repo
}

/** The files of a repository without a commit, as a first commit of ours. */
async function snapshot(git: Git, places: RunPlaces, user: UserRepo): Promise<string> {
  const repo = await overUser(git, places.control.gitDir, user, 'user-index')
  const staged = await stage(git, repo, { gitlinks: await gitlinks(git, repo), suspectGitlinks: false })
  return commitTree(git, repo, {
    tree: staged.tree,
    parents: [],
    message: 'loopwright: the project as it was',
    trailers: { 'Loopwright-Base': 'files without a commit' },
    identity: user.identity,
  })
}

async function countDirty(git: Git, places: RunPlaces, user: UserRepo): Promise<number> {
  if ((await readText(join(user.gitDir, 'HEAD'))) === undefined) return 0
  try {
    return (await userStatus(git, places.control.gitDir, user)).length
  } catch {
    // Only a warning hangs on it (an index of a kind that cannot be copied).
    return 0
  }
}

/** `git status` of the user's files, one raw record each, with nothing of the repository's configuration in force. */
export async function userStatus(git: Git, gitDir: string, user: UserRepo): Promise<string[]> {
  const repo = await overUser(git, gitDir, user, 'user-index')
  const head = await resolveCommit(git, user, 'HEAD')
  const args = ['ls-files', '-z', '-m', '-d', '-o', '--exclude-standard', '--directory', '--no-empty-directory']
  const [files, staged] = await Promise.all([
    git.own(repo, args),
    head === undefined
      ? undefined
      : git.own(repo, [
          'diff-index',
          '--cached',
          '-z',
          '--name-only',
          '--no-renames',
          '--no-ext-diff',
          '--ignore-submodules=all',
          head,
        ]),
  ])
  return [...new Set([...records(files.stdout), ...(staged === undefined ? [] : records(staged.stdout))])]
}
