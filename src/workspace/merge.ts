import { rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isLoopwrightError } from '../core/errors.ts'
import type { MergeOutcome } from '../core/ports.ts'
import { readText, writeAtomic } from './files.ts'
import { type Git, type OwnRepo, records, shown, toInput } from './git.ts'
import { changedPaths, commitTree, isAncestor, oneLine, stepsSince, writeRef } from './repository.ts'
import { absolute } from './stage.ts'
import { type Bench, commitAll, syncAgent, type Tree, tipOf, unlock } from './worktree.ts'

interface Pending {
  readonly from: string
  readonly to: string
}

/**
 * Merges one worker's branch into the run's, whose worktree must be committed. A conflict, or a file in the way, touches
 * nothing. `worker` is undefined when the worker has no worktree any more (merged before, or it never wrote).
 */
export async function mergeWorker(
  bench: Bench,
  run: Tree,
  worker: Tree | undefined,
  job: { readonly id: string; readonly title: string; readonly step: string },
): Promise<MergeOutcome> {
  const { git } = bench
  const { id, step } = job
  const tip = await tipOf(run)
  const done = (await stepsSince(git, run.repo, run.base, tip)).get(`${oneLine(step)}\0${oneLine(id)}`)
  if (done !== undefined) {
    const changed = await changedPaths(git, run.repo, `${done}^1`, done)
    return { id, merged: true, commit: done, conflicts: [], changedFiles: changed.map(shown) }
  }
  if (worker === undefined) return { id, merged: true, conflicts: [], changedFiles: [] }
  const theirs = (await commitAll(bench, worker, `loopwright: ${oneLine(job.title)}`, `${step}#${id}`)).tip
  const changedFiles = (await changedPaths(git, run.repo, worker.base, theirs)).map(shown)
  if (await isAncestor(git, run.repo, theirs, tip)) return { id, merged: true, conflicts: [], changedFiles }
  const { tree, conflicts } = await tryMerge(git, run.repo, tip, theirs)
  if (tree === undefined) return { id, merged: false, conflicts, changedFiles }
  const commit = await commitTree(git, run.repo, {
    tree,
    parents: [tip, theirs],
    message: `loopwright: merge ${oneLine(job.title)}`,
    trailers: { 'Loopwright-Step': step, 'Loopwright-Worker': id },
    identity: bench.state.user.identity,
  })
  try {
    await moveTree(bench, run, tip, commit)
  } catch (error) {
    if (!isLoopwrightError(error, 'workspace')) throw error
    bench.notes.add(`${id}: ${error.message}`)
    return { id, merged: false, conflicts: changedFiles, changedFiles }
  }
  return { id, merged: true, commit, conflicts: [], changedFiles }
}

/**
 * Moves a committed worktree and its branch from one commit to another. The intention is written down first: a crash between
 * files and branch would otherwise look like work that undoes the merge.
 */
export async function moveTree(bench: Bench, tree: Tree, from: string, to: string): Promise<void> {
  const note = pendingOf(bench, tree)
  await writeAtomic(note, JSON.stringify({ from, to } satisfies Pending))
  try {
    await bench.git.own(tree.repo, ['read-tree', '-m', '-u', from, to])
  } catch (error) {
    // git checks everything before it writes anything; a full disk is the exception, and the note stays for it.
    if (isLoopwrightError(error, 'workspace')) await rm(note, { force: true })
    throw error
  }
  await writeRef(tree.repo, tree.ref, to)
  await syncAgent(bench, tree, to)
  await rm(note, { force: true })
}

/** Ends a move that a crash cut short: only paths that differ between its two commits are written. */
export async function recoverMove(bench: Bench, tree: Tree): Promise<void> {
  const note = pendingOf(bench, tree)
  const text = await readText(note)
  if (text === undefined) return
  const { from, to }: Pending = JSON.parse(text)
  const { git } = bench
  await unlock(tree)
  await git.own(tree.repo, ['read-tree', '--reset', '-i', to])
  const paths = await changedPaths(git, tree.repo, from, to)
  const { stdout } = await git.own(tree.repo, ['ls-files', '-z'])
  const present = new Set(records(stdout))
  for (const path of paths.filter((each) => !present.has(each))) {
    await unlink(absolute(tree.root, path)).catch(() => {})
  }
  const written = paths.filter((each) => present.has(each))
  await git.own(tree.repo, ['checkout-index', '-f', '-u', '-z', '--stdin'], { input: toInput(written) })
  await writeRef(tree.repo, tree.ref, to)
  await syncAgent(bench, tree, to)
  await rm(note, { force: true })
}

/** Where a move that is under way is written down. */
export function pendingOf(bench: Bench, tree: Tree): string {
  return join(bench.places.folder, 'index', `${tree.id}.pending.json`)
}

/** A merge of two commits in a repository of ours: the tree, or the paths in conflict. */
export async function tryMerge(
  git: Git,
  repo: OwnRepo,
  ours: string,
  theirs: string,
): Promise<{ readonly tree?: string; readonly conflicts: readonly string[] }> {
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', ours, theirs]
  const { code, stdout } = await git.own(repo, args, { ok: [0, 1] })
  const [tree = '', ...conflicts] = records(stdout)
  return code === 0 ? { tree: tree.trim(), conflicts: [] } : { conflicts: conflicts.map(shown) }
}
