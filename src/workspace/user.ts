import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { overUser, userStatus } from './create.ts'
import { discover, resolveCommit, type UserRepo } from './discover.ts'
import { isErrno, kindOf, removeTree } from './files.ts'
import { type Git, shown } from './git.ts'
import { tryMerge } from './merge.ts'
import { moveUserRef, userHead, userIndex } from './publish.ts'
import { changedPaths, commitTree, copyObjects, isAncestor, makeRepository, storesOf } from './repository.ts'
import { worktreesIn } from './state.ts'

export interface MergeRequest {
  readonly git: Git
  /** loopwright's state directory, for a scratch folder. */
  readonly home: string
  readonly project: string
  /** The published branch, `loopwright/<run>`. */
  readonly branch: string
}

export type MergedIntoUser =
  | { readonly merged: true; readonly how: 'fast-forward' | 'merge' | 'already'; readonly commit: string }
  | { readonly merged: false; readonly reason: string; readonly paths: readonly string[]; readonly hint?: string }

/**
 * Merges a published branch into the branch the user is on, their files with it. Refused, with nothing touched, when it
 * conflicts or when files it changes have uncommitted changes. Nothing that the repository configures is executed.
 */
export async function mergeIntoUser(request: MergeRequest): Promise<MergedIntoUser> {
  const { git, project, branch } = request
  const user = await discover(git, project)
  if (user === undefined) throw new LoopwrightError('bad_input', `${project} is not in a git repository`)
  const theirs = await resolveCommit(git, user, `refs/heads/${branch}`)
  if (theirs === undefined) throw new LoopwrightError('not_found', `no branch ${branch} in ${user.top}`)
  const head = await userHead(git, user)
  const refuse = (reason: string, paths: readonly string[] = []): MergedIntoUser => ({ merged: false, reason, paths })
  if (head.ref === undefined) return refuse('no branch is checked out (detached HEAD): switch to one first')
  if (head.commit === undefined) return refuse(`${head.ref} has no commit yet: run git reset ${branch} yourself`)
  for (const name of ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'rebase-merge', 'rebase-apply']) {
    if ((await kindOf(join(user.gitDir, name))) !== 'none')
      return refuse(`a merge or rebase is under way (${name}): end it first`)
  }
  if (user.sparse) return refuse(`the checkout is sparse or split: run git merge ${branch} yourself`)
  const folder = join(worktreesIn(request.home), `.merge-${randomBytes(6).toString('hex')}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    const gitDir = join(folder, 'control.git')
    await makeRepository({ gitDir, user, stores: await storesOf(user), head: 'refs/heads/none' })
    return await mergeWith(git, user, gitDir, { ref: head.ref, ours: head.commit, theirs, branch })
  } finally {
    await removeTree(folder, worktreesIn(request.home)).catch(() => {})
  }
}

interface Job {
  readonly ref: string
  readonly ours: string
  readonly theirs: string
  readonly branch: string
}

async function mergeWith(git: Git, user: UserRepo, gitDir: string, job: Job): Promise<MergedIntoUser> {
  const { ref, ours, theirs, branch } = job
  const repo = { gitDir }
  if (await isAncestor(git, repo, theirs, ours)) return { merged: true, how: 'already', commit: ours }
  const forward = await isAncestor(git, repo, ours, theirs)
  let to = theirs
  if (!forward) {
    const { tree, conflicts } = await tryMerge(git, repo, ours, theirs)
    if (tree === undefined) {
      const hint = `git merge ${branch} lets you settle it by hand`
      return { merged: false, reason: `${branch} conflicts with ${ref}`, paths: conflicts, hint }
    }
    const message = `Merge branch '${branch}'`
    to = await commitTree(git, repo, { tree, parents: [ours, theirs], message, trailers: {}, identity: user.identity })
  }
  const touched = new Set(await changedPaths(git, repo, ours, to))
  const dirty = (await userStatus(git, gitDir, user)).filter((path) => touched.has(path))
  if (dirty.length > 0) {
    const hint = 'commit or stash them, then try again'
    return { merged: false, reason: 'files it changes have uncommitted changes', paths: dirty.map(shown), hint }
  }
  const lock = `${userIndex(user)}.lock`
  const copy = await overUser(git, gitDir, user, 'user-index')
  const filtered = await usesFilter(git, copy, [...touched])
  if (filtered.length > 0) {
    return {
      merged: false,
      reason: `files it changes pass a filter (LFS?): run git merge ${branch} yourself`,
      paths: filtered,
    }
  }
  try {
    await copyFile(copy.index, lock, 1)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
    return { merged: false, reason: `another git works in ${user.top} (index.lock)`, paths: [] }
  }
  try {
    const tried = await git.own(copy, ['read-tree', '-m', '-u', '-n', ours, to], { ok: [0, 1, 128] })
    if (tried.code !== 0) return { merged: false, reason: tried.stderr.trim(), paths: [] }
    // Only now anything reaches the user's store: a refused merge leaves no objects behind.
    await copyObjects(git, repo, { gitDir, objects: user.objects }, [to], [ours, theirs])
    await moveUserRef(git, user, ref, to, ours)
    try {
      await git.own(copy, ['read-tree', '-m', '-u', ours, to])
    } catch (error) {
      await moveUserRef(git, user, ref, ours, to)
      throw new LoopwrightError('workspace', `the files could not be written: ${messageOf(error)}`, {
        hint: `git status in ${user.top} shows what was written; the branch was put back`,
        cause: error,
      })
    }
    await copyFile(copy.index, lock)
    await rename(lock, userIndex(user))
    return { merged: true, how: forward ? 'fast-forward' : 'merge', commit: to }
  } finally {
    await rm(lock, { force: true })
  }
}

/** Files for which the user has a filter: written by us they would differ from what their git writes. */
async function usesFilter(git: Git, repo: Parameters<Git['own']>[0], paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return []
  const input = Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1')
  const { stdout } = await git.own(repo, ['check-attr', '-z', '--stdin', 'filter'], { input })
  const fields = stdout.toString('utf8').split('\0')
  const found: string[] = []
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const value = fields[at + 2]
    if (value !== 'unspecified' && value !== 'unset') found.push(fields[at] ?? '')
  }
  return found
}
