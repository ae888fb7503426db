import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isLoopwrightError } from '../core/errors.ts'
import { kindOf, removeTree } from './files.ts'
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
    const [to, from] = await Promise.all([treeOf(git, tree.repo, tip), writeTree(git, tree.repo)])
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
    if (isLoopwrightError(error, 'workspace')) return false
    throw error
  }
}

async function writeTree(git: Git, repo: StagedRepo): Promise<string> {
  return line((await git.own(repo, ['write-tree'])).stdout)
}

/** True when index and work tree hold this tree and nothing else but ignored files. */
async function isExactly(git: Git, repo: StagedRepo, tree: string): Promise<boolean> {
  const [now, others, clean, plain] = await Promise.all([
    writeTree(git, repo),
    git.own(repo, ['ls-files', '-z', '-o', '--exclude-standard']),
    isClean(git, repo),
    isPlain(git, repo),
  ])
  return now === tree && others.stdout.length === 0 && clean && plain
}

/** True when every tracked file has the index's content; one that was touched without a change must be writable still. */
async function isClean(git: Git, repo: StagedRepo): Promise<boolean> {
  const args = ['diff-files', '-z', '--name-only', '--no-ext-diff', '--ignore-submodules=all']
  const touched = records((await git.own(repo, args)).stdout)
  if (touched.length === 0) return true
  for (const path of touched) {
    const stat = await lstat(absolute(repo.workTree, path)).catch(() => undefined)
    if (stat === undefined || (stat.isFile() && (stat.mode & 0o600) !== 0o600)) return false
  }
  // Exit code 1: some differ; the second look tells.
  await git.own(repo, ['update-index', '-q', '--refresh', '--ignore-submodules'], { ok: [0, 1] })
  return (await git.own(repo, args)).stdout.length === 0
}

/** True when no tracked folder holds a repository or is closed to writing, and submodules are empty folders. Git sees none of these. */
async function isPlain(git: Git, repo: StagedRepo): Promise<boolean> {
  const folders = new Set([''])
  const links: string[] = []
  for (const entry of records((await git.own(repo, ['ls-files', '-s', '-z'])).stdout)) {
    const path = entry.slice(entry.indexOf('\t') + 1)
    if (entry.startsWith('160000 ')) links.push(path)
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at)
      if (folders.has(folder)) break
      folders.add(folder)
    }
  }
  for (const link of links) {
    const found = await readdir(absolute(repo.workTree, link)).catch(() => undefined)
    if (found === undefined || found.length > 0) return false
  }
  const fine = await Promise.all(
    [...folders].map(async (folder) => {
      const stat = await lstat(absolute(repo.workTree, folder)).catch(() => undefined)
      if (stat?.isDirectory() !== true || (stat.mode & 0o700) !== 0o700) return false
      return folder === '' || (await kindOf(absolute(repo.workTree, `${folder}/.git`))) === 'none'
    }),
  )
  return !fine.includes(false)
}
