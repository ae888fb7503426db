import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mainTree } from './create.ts'
import { kindOf, readText, removeTree, writeAtomic } from './files.ts'
import { moveTree, pendingOf, recoverMove } from './merge.ts'
import { dropRef, isAncestor, writeRef } from './repository.ts'
import { adopt, listSpares, park, unpark } from './spare.ts'
import { nameOf } from './state.ts'
import { type Bench, checkOut, isThere, leftBehind, strayCommits, type Tree, tipOf, treeAt } from './worktree.ts'

/** What is remembered of a worker. Its file claims the folder; without it the folder is litter. */
interface ForkState {
  readonly id: string
  readonly base: string
  /**
   * The folder's number in `workers/`. A folder keeps its name from worker to worker, because ignored files in it (virtual
   * environments, build caches) hold its path.
   */
  readonly folder: string
}

/** A worker's worktree and what is remembered of it. */
interface Fork {
  readonly tree: Tree
  readonly state: ForkState
}

function recordsIn(bench: Bench): string {
  return join(bench.places.folder, 'forks')
}

function recordOf(bench: Bench, id: string): string {
  return join(recordsIn(bench), `${nameOf(id)}.json`)
}

function treeOfFork(bench: Bench, { id, base, folder }: ForkState): Tree {
  // A name of its own beside `main`, whatever the worker is called.
  const ref = `refs/heads/${bench.state.branch}.${nameOf(id)}`
  return treeAt(bench, `w-${folder}`, join('workers', folder), ref, base)
}

/** Finds a worker that was forked and not merged yet. */
export async function findFork(bench: Bench, id: string): Promise<Fork | undefined> {
  return readRecord(bench, recordOf(bench, id))
}

async function readRecord(bench: Bench, file: string): Promise<Fork | undefined> {
  const text = await readText(file)
  if (text === undefined) return undefined
  const state: ForkState = JSON.parse(text)
  return { tree: treeOfFork(bench, state), state }
}

/** All workers that were forked and not merged yet. */
export async function allForks(bench: Bench): Promise<Fork[]> {
  const forks: Fork[] = []
  for (const name of await readdir(recordsIn(bench)).catch(() => [])) {
    const fork = name.endsWith('.json') ? await readRecord(bench, join(recordsIn(bench), name)) : undefined
    if (fork !== undefined) forks.push(fork)
  }
  return forks
}

/** Where it is noted that a worktree was prepared; holds `adopted` when that was for an earlier worker. */
export function readyMark(bench: Bench, tree: Tree): string {
  return join(bench.places.folder, 'index', `${tree.id}.prepared`)
}

export const adopted = 'adopted'

/** Ends a move that was cut short, and makes a deleted folder anew at its branch's commit. */
export async function mend(bench: Bench, tree: Tree): Promise<void> {
  if (await isThere(tree)) return await recoverMove(bench, tree)
  await rm(pendingOf(bench, tree), { force: true })
  await checkOutFresh(bench, tree)
}

async function checkOutFresh(bench: Bench, tree: Tree): Promise<void> {
  await rm(readyMark(bench, tree), { force: true })
  await checkOut(bench, tree)
}

/** A worker's worktree at the run's commit: the one it has, a spare, or a fresh one. */
export async function forkTree(bench: Bench, id: string): Promise<Tree> {
  const found = await findFork(bench, id)
  if (found !== undefined) {
    await mend(bench, found.tree)
    return found.tree
  }
  const tip = await tipOf(mainTree(bench))
  const { folder, spare } = await freeFolder(bench)
  const state: ForkState = { id, base: tip, folder }
  const tree = treeOfFork(bench, state)
  // Of an earlier worker in this folder.
  await rm(pendingOf(bench, tree), { force: true })
  await writeRef(tree.repo, tree.ref, tip)
  if (spare) await unpark(bench, folder, tree)
  if (spare && (await adopt(bench, tree, tip))) {
    const mark = readyMark(bench, tree)
    if ((await kindOf(mark)) !== 'none') await writeAtomic(mark, adopted)
  } else await checkOutFresh(bench, tree)
  // Last: a folder that no record claims is made anew.
  await writeAtomic(recordOf(bench, id), JSON.stringify(state))
  return tree
}

/** A spare when there is one, else the lowest number that no worker has. */
async function freeFolder(bench: Bench): Promise<{ readonly folder: string; readonly spare: boolean }> {
  const [spare] = await listSpares(bench)
  if (spare !== undefined) return { folder: spare, spare: true }
  const claimed = new Set((await allForks(bench)).map(({ state }) => state.folder))
  let number = 1
  while (claimed.has(String(number))) number++
  return { folder: String(number), spare: false }
}

/** Throws a worker's worktree away, whatever is in it, and its branch. */
export async function throwFork(bench: Bench, { tree, state }: Fork): Promise<void> {
  await rm(recordOf(bench, state.id), { force: true })
  await dropRef(tree.repo, tree.ref)
  await removeTree(tree.agentGit, bench.places.folder)
  await removeTree(tree.root, bench.places.folder)
  await rm(readyMark(bench, tree), { force: true })
}

/** Gives up a merged worker's worktree, as a spare for the next one; not when something in it is nowhere else. */
export async function dropFork(bench: Bench, run: Tree, { tree, state }: Fork): Promise<void> {
  const left = [...(await leftBehind(bench, tree)), ...(await strayCommits(bench, tree))]
  if (left.length > 0) {
    bench.notes.add(`the worktree ${tree.root} is kept: ${left.slice(0, 5).join(', ')} would be lost`)
    const tip = await tipOf(tree)
    const to = await tipOf(run)
    if (await isAncestor(bench.git, tree.repo, tip, to)) await moveTree(bench, tree, tip, to).catch(() => {})
    return
  }
  // The record first: what is left without it is only litter until it is a spare.
  await rm(recordOf(bench, state.id), { force: true })
  await dropRef(tree.repo, tree.ref)
  await park(bench, state.folder, tree)
}
