import { lstatSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setImmediate as pause } from 'node:timers/promises'
import { isLoopwrightError } from '../core/errors.ts'
import { isErrno, kindOf, removeTree } from './files.ts'
import { type Git, line, records } from './git.ts'
import { changedPaths, treeOf } from './repository.ts'
import { absolute, type StagedRepo } from './stage.ts'
import { type Bench, isThere, makeAgentGit, type Tree } from './worktree.ts'

/** Worktrees of merged workers that wait for the next one; more than this are removed. */
const mostSpares = 8

function placeOf(bench: Bench, folder: string): string {
  return join(bench.places.folder, 'spares', folder)
}

/** The worker folders that wait for a worker. */
export async function listSpares(bench: Bench): Promise<string[]> {
  return (await readdir(join(bench.places.folder, 'spares')).catch(() => [])).sort()
}

/** Puts a worktree aside for the next worker, index and all; removes it when enough wait. No record may claim its folder. */
export async function park(bench: Bench, folder: string, tree: Tree): Promise<void> {
  await removeTree(tree.agentGit, bench.places.folder)
  const waiting = await listSpares(bench)
  if (waiting.length >= mostSpares || waiting.includes(folder)) {
    await removeTree(tree.root, bench.places.folder)
    return
  }
  const place = placeOf(bench, folder)
  await mkdir(dirname(place), { recursive: true })
  await rename(tree.root, place)
}

/** Takes a spare back to where it was. A crash leaves it where no record claims it: it is made anew then. */
export async function unpark(bench: Bench, folder: string, tree: Tree): Promise<void> {
  await removeTree(tree.root, bench.places.folder)
  await mkdir(dirname(tree.root), { recursive: true })
  await rename(placeOf(bench, folder), tree.root)
}

/** Removes the spares. */
export async function dropSpares(bench: Bench): Promise<void> {
  for (const folder of await listSpares(bench)) {
    await removeTree(placeOf(bench, folder), bench.places.folder)
    for (const end of ['', '.prepared']) {
      await rm(join(bench.places.folder, 'index', `w-${folder}${end}`), { force: true })
    }
  }
}

/**
 * Moves a spare to a commit, touching only files that differ, and gives it a git directory of its own for the agent. False when
 * it is not afterwards, ignored files aside, what a fresh checkout would be: it is to be made anew then.
 */
export async function adopt(bench: Bench, tree: Tree, tip: string): Promise<boolean> {
  const { git } = bench
  if (!(await isThere(tree)) || (await kindOf(tree.repo.index)) !== 'file') return false
  try {
    await rm(`${tree.repo.index}.lock`, { force: true })
    const from = line((await git.own(tree.repo, ['write-tree'])).stdout)
    const to = await treeOf(git, tree.repo, tip)
    if (from !== to) {
      // A file's content depends on attributes: with others, files that stay would have to be written again.
      const changed = await changedPaths(git, tree.repo, from, to)
      if (changed.some((path) => basename(path) === '.gitattributes')) return false
      await git.own(tree.repo, ['read-tree', '-m', '-u', from, to])
    }
    if (!(await isExactly(git, tree.repo, to))) return false
    await makeAgentGit(bench, tree, tip)
    return true
  } catch (error) {
    if (isLoopwrightError(error, 'workspace') || isErrno(error, 'ENOTDIR', 'ELOOP', 'EACCES')) return false
    throw error
  }
}

/** True when index and work tree hold this tree and nothing else but ignored files. */
async function isExactly(git: Git, repo: StagedRepo, tree: string): Promise<boolean> {
  const [index, others, plain] = await Promise.all([
    git.own(repo, ['diff-index', '--cached', '--quiet', '--ignore-submodules=none', tree], { ok: [0, 1] }),
    git.own(repo, ['ls-files', '-z', '-o', '--exclude-standard']),
    isPlain(git, repo),
  ])
  // Last and alone, because it may write the index.
  return index.code === 0 && others.stdout.length === 0 && plain && (await isClean(git, repo))
}

/** True when every tracked file has the index's content. */
async function isClean(git: Git, repo: StagedRepo): Promise<boolean> {
  const args = ['diff-files', '-z', '--name-only', '--no-ext-diff', '--ignore-submodules=all']
  if ((await git.own(repo, args)).stdout.length === 0) return true
  // Some were touched, perhaps without a change. Exit code 1: some are changed; the second look tells.
  await git.own(repo, ['update-index', '-q', '--refresh', '--ignore-submodules'], { ok: [0, 1] })
  return (await git.own(repo, args)).stdout.length === 0
}

/**
 * True when no tracked file or folder is closed to its owner, no tracked folder holds a repository, and submodules are empty
 * folders. Git sees none of these.
 */
async function isPlain(git: Git, repo: StagedRepo): Promise<boolean> {
  const at = (path: string) => absolute(repo.workTree, path)
  const folders = new Set<string>()
  const entries = records((await git.own(repo, ['ls-files', '-s', '-z'])).stdout)
  for (const [count, entry] of entries.entries()) {
    // Sync calls are several times as fast, a pause now and then keeps the process answering.
    if (count % 500 === 0) await pause()
    const path = entry.slice(entry.indexOf('\t') + 1)
    if (entry.startsWith('160000 ')) {
      const inside = await readdir(at(path)).catch(() => undefined)
      if (inside?.length !== 0) return false
    } else if (entry.startsWith('100') && !isOpen(at(path), 0o600)) return false
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const folder = path.slice(0, slash)
      if (folders.has(folder)) break
      folders.add(folder)
      if (!isOpen(at(folder), 0o700) || lstatSync(at(`${folder}/.git`), quiet) !== undefined) return false
    }
  }
  return isOpen(at(''), 0o700)
}

const quiet = { throwIfNoEntry: false } as const

function isOpen(path: Buffer, mode: number): boolean {
  const stat = lstatSync(path, quiet)
  return stat !== undefined && (stat.mode & mode) === mode
}
