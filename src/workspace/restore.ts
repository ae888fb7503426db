import { LoopwrightError } from '../core/errors.ts'
import { moveTree, recoverMove } from './merge.ts'
import { changedPaths, commitTree, isAncestor, isCommitId, oneLine, stepsSince, treeOf } from './repository.ts'
import { type Bench, type Committed, commitAll, type Tree, tipOf } from './worktree.ts'

/** Ends the step of the commit that holds what is about to be rolled back. */
const beforeRestore = '#try'

/**
 * Brings a worktree's files to those of an earlier commit of its branch, in a new commit on top; what was not committed becomes a
 * commit of its own before. Done once per step, however often it is tried.
 */
export async function restoreTree(
  bench: Bench,
  tree: Tree,
  job: { readonly commit: string; readonly message: string; readonly step: string },
): Promise<Committed> {
  const { git } = bench
  await recoverMove(bench, tree)
  const done = (await stepsSince(git, tree.repo, tree.base, await tipOf(tree))).get(oneLine(job.step))
  if (done !== undefined) {
    return { commit: done, tip: await tipOf(tree), changed: await changedPaths(git, tree.repo, `${done}^1`, done) }
  }
  const known = isCommitId(job.commit) && (await isAncestor(git, tree.repo, job.commit, await tipOf(tree)))
  if (!known) throw new LoopwrightError('workspace', `no checkpoint of this run: ${job.commit}`)
  const { tip } = await commitAll(bench, tree, `${job.message}: what is rolled back`, `${job.step}${beforeRestore}`)
  const wanted = await treeOf(git, tree.repo, job.commit)
  if (wanted === (await treeOf(git, tree.repo, tip))) return { tip, changed: [] }
  const commit = await commitTree(git, tree.repo, {
    tree: wanted,
    parents: [tip],
    message: job.message,
    trailers: { 'Loopwright-Step': job.step },
    identity: bench.state.user.identity,
  })
  await moveTree(bench, tree, tip, commit)
  return { commit, tip: commit, changed: await changedPaths(git, tree.repo, tip, commit) }
}
