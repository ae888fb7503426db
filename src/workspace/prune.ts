import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { kindOf, removeAll, removeTree } from './files.ts'
import type { Git } from './git.ts'
import { isLocked, withLock } from './lock.ts'
import { checkedOutAt, dropUserRef, userRef } from './publish.ts'
import { listBranches, readRef } from './repository.ts'
import { placesOf, type RunState, readState, worktreesIn } from './state.ts'

/** A run's folder, for `prune` and `doctor`. */
export interface WorktreeInfo {
  readonly name: string
  readonly folder: string
  /** ok · half-made (a crash while it was made; nothing worked in it) · damaged · lost (the user's repository is gone). */
  readonly status: 'ok' | 'half-made' | 'in-place' | 'damaged' | 'lost'
  readonly run?: string
  readonly project?: string
  readonly branch?: string
  /** Milliseconds since 1970. */
  readonly createdAt?: number
  readonly problem?: string
}

/** All run folders below a state directory. Reads only. */
export async function listWorktrees(home: string): Promise<WorktreeInfo[]> {
  const names = (await readdir(worktreesIn(home)).catch(() => [])).filter((name) => !name.startsWith('.'))
  return Promise.all(
    names.sort().map(async (name): Promise<WorktreeInfo> => {
      const folder = join(worktreesIn(home), name)
      try {
        const state = await readState({ ...placesOf(home, name), folder, state: join(folder, 'run.json') })
        if (state === undefined) {
          const inPlace = (await kindOf(join(folder, 'before.json'))) !== 'none'
          return { name, folder, status: inPlace ? 'in-place' : 'half-made' }
        }
        const { run, project, branch, createdAt } = state
        const lost = (await kindOf(state.user.commonDir)) !== 'dir'
        return { name, folder, status: lost ? 'lost' : 'ok', run, project, branch, createdAt }
      } catch (error) {
        return { name, folder, status: 'damaged', problem: messageOf(error) }
      }
    }),
  )
}

/** Sweeps what crashes left: half-made run folders and half-removed ones. Never one that holds work, or that a process makes just now. */
export async function removeStale(home: string): Promise<string[]> {
  const removed: string[] = []
  for (const info of await listWorktrees(home)) {
    const { lock } = placesOf(home, info.name)
    if (info.status !== 'half-made' || (await isLocked(lock))) continue
    await withLock(lock, async () => {
      if ((await kindOf(join(info.folder, 'run.json'))) !== 'none') return
      await removeTree(info.folder, worktreesIn(home))
      removed.push(info.name)
    })
  }
  for (const name of await readdir(worktreesIn(home)).catch(() => [])) {
    if (!name.startsWith('.trash-')) continue
    await removeAll(join(worktreesIn(home), name))
    removed.push(name)
  }
  return removed
}

/**
 * Throws a run's work away: its worktrees, its branches, published ones too. What the user moved meanwhile, or has checked out,
 * rejects with `conflict` before anything is removed. Answers the branches removed from the user's repository.
 */
export async function discard(git: Git, home: string, run: string): Promise<{ readonly branches: readonly string[] }> {
  const places = placesOf(home, run)
  return withLock(places.lock, async () => {
    const state = await readState(places)
    if (state === undefined) throw new LoopwrightError('not_found', `run ${run} has no worktree`)
    const published = await publishedBranches(git, state, places.control)
    for (const { ref } of published) {
      const place = await checkedOutAt(git, state.user, ref)
      if (place === undefined) continue
      throw new LoopwrightError('conflict', `the branch ${ref.slice(11)} is checked out in ${place}`, {
        hint: 'switch to another branch there, then try again',
      })
    }
    const branches: string[] = []
    for (const { ref, commit } of published) {
      if (await dropUserRef(git, state.user, ref, commit)) branches.push(ref.slice(11))
    }
    await removeTree(places.folder, worktreesIn(home))
    return { branches }
  })
}

async function publishedBranches(git: Git, state: RunState, control: { readonly gitDir: string }) {
  if ((await kindOf(state.user.commonDir)) !== 'dir') return []
  const found: { ref: string; commit: string }[] = []
  for (const ref of await listBranches(control)) {
    const there = await userRef(git, state.user, ref)
    if (there === undefined || (await readRef(control, ref)) === undefined) continue
    const ours = await git.own(control, ['merge-base', '--is-ancestor', there, ref], { ok: [0, 1, 128] })
    if (ours.code !== 0) {
      throw new LoopwrightError('conflict', `the branch ${ref.slice(11)} holds commits that are not of this run`, {
        hint: `rename it in your repository: git branch -m ${ref.slice(11)} <another name>`,
      })
    }
    found.push({ ref, commit: there })
  }
  return found
}
