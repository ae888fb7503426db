import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import type { UserRepo } from './discover.ts'
import { type Git, line, type OwnRepo, records, shown } from './git.ts'
import { copyObjects, isAncestor, isCommitId } from './repository.ts'

/** What a ref of the user's repository holds. */
export async function userRef(git: Git, user: UserRepo, ref: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', ref]
  const { code, stdout } = await git.user(inside(user), args, { ok: [0, 1, 128] })
  return code === 0 && isCommitId(line(stdout)) ? line(stdout) : undefined
}

function inside(user: UserRepo) {
  return { cwd: user.commonDir, gitDir: user.commonDir }
}

/** Where a branch is checked out in the user's worktrees, if it is. */
export async function checkedOutAt(git: Git, user: UserRepo, ref: string): Promise<string | undefined> {
  const { stdout } = await git.user(inside(user), ['worktree', 'list', '--porcelain', '-z'])
  let place: string | undefined
  for (const entry of records(stdout)) {
    if (entry.startsWith('worktree ')) place = shown(entry.slice('worktree '.length))
    if (entry === `branch ${ref}`) return place
  }
  return undefined
}

/**
 * Puts a commit of ours under a ref of the user's repository. Objects go in by way of our own configuration; the ref moves only
 * forward, and no hook runs. Rejects with `conflict` when somebody else moved it.
 */
export async function publishRef(
  git: Git,
  user: UserRepo,
  control: OwnRepo,
  ref: string,
  commit: string,
  known: readonly string[],
): Promise<void> {
  const there = await userRef(git, user, ref)
  if (there === commit) return
  const name = ref.replace('refs/heads/', '')
  if (there !== undefined) {
    const moved = !(await ownHas(git, control, there)) || !(await isAncestor(git, control, there, commit))
    if (moved) {
      throw new LoopwrightError('conflict', `the branch ${name} was moved by somebody else`, {
        hint: `rename it in your repository: git branch -m ${name} <another name>`,
      })
    }
    const place = await checkedOutAt(git, user, ref)
    if (place !== undefined) {
      throw new LoopwrightError('conflict', `the branch ${name} is checked out in ${place}`, {
        hint: 'switch to another branch there, then try again',
      })
    }
  }
  const into = { gitDir: control.gitDir, objects: user.objects }
  await copyObjects(git, control, into, [commit], [...known, ...(there === undefined ? [] : [there])])
  await moveUserRef(git, user, ref, commit, there)
}

async function ownHas(git: Git, control: OwnRepo, commit: string): Promise<boolean> {
  return (await git.own(control, ['cat-file', '-e', commit], { ok: [0, 1, 128] })).code === 0
}

/** Moves a ref of the user's repository from one commit to another; without hooks. */
export async function moveUserRef(
  git: Git,
  user: UserRepo,
  ref: string,
  to: string,
  from: string | undefined,
): Promise<void> {
  const { name, email } = user.identity
  const env = { GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email }
  const old = from ?? '0'.repeat(to.length)
  const { code, stderr } = await git.user(inside(user), ['update-ref', '-m', 'loopwright', ref, to, old], {
    ok: [0, 1, 128],
    env,
  })
  if (code === 0) return
  throw new LoopwrightError('conflict', `could not set ${ref}: ${stderr.trim()}`, {
    hint: 'another branch may be in the way (a branch named loopwright), or another process moved it',
  })
}

/** Removes a ref of the user's repository if it still holds `commit`. */
export async function dropUserRef(git: Git, user: UserRepo, ref: string, commit: string): Promise<boolean> {
  return (await git.user(inside(user), ['update-ref', '-d', ref, commit], { ok: [0, 1, 128] })).code === 0
}

/** The branch the user is on: its ref, and its commit unless it has none yet. */
export async function userHead(git: Git, user: UserRepo): Promise<{ ref?: string; commit?: string }> {
  const place = { cwd: user.top, gitDir: user.gitDir }
  const [ref, commit] = await Promise.all([
    git.user(place, ['symbolic-ref', '--quiet', 'HEAD'], { ok: [0, 1, 128] }),
    git.user(place, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { ok: [0, 1, 128] }),
  ])
  return {
    ...(ref.code === 0 ? { ref: line(ref.stdout) } : {}),
    ...(commit.code === 0 ? { commit: line(commit.stdout) } : {}),
  }
}

/** The user's index file. */
export function userIndex(user: UserRepo): string {
  return join(user.gitDir, 'index')
}
