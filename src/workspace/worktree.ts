import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isLoopwrightError, LoopwrightError, messageOf } from '../core/errors.ts'
import { kindOf, readText, removeTree, writeAtomic } from './files.ts'
import { type Git, line, records, shown } from './git.ts'
import {
  changedPaths,
  commitTree,
  copyObjects,
  isAncestor,
  isCommitId,
  makeRepository,
  oneLine,
  readRef,
  stepsSince,
  storesOf,
  treeOf,
  writeRef,
} from './repository.ts'
import { type Staged, type StagedRepo, stage } from './stage.ts'
import type { RunPlaces, RunState } from './state.ts'

/** A run's repository at work. */
export interface Bench {
  readonly git: Git
  readonly places: RunPlaces
  readonly state: RunState
  /** What people should know, added to while working. */
  readonly notes: Set<string>
}

/** One worktree: the run's own (`main`) or a worker's. */
export interface Tree {
  readonly id: string
  readonly root: string
  /** Full ref name. */
  readonly ref: string
  /** What its changes are measured against. */
  readonly base: string
  /** The git directory that agents in it see. Theirs to write, so its configuration is never trusted. */
  readonly agentGit: string
  readonly repo: StagedRepo
}

export function treeAt(bench: Bench, id: string, folder: string, ref: string, base: string): Tree {
  const { folder: home, control } = bench.places
  const root = join(home, folder)
  const repo = { gitDir: control.gitDir, workTree: root, index: join(home, 'index', id) }
  return { id, root, ref, base, agentGit: join(home, 'agent', `${id}.git`), repo }
}

/** The commit a worktree's branch is at. */
export async function tipOf(tree: Tree): Promise<string> {
  const tip = await readRef(tree.repo, tree.ref)
  if (tip === undefined)
    throw new LoopwrightError('workspace', `the branch ${tree.ref} is gone from ${tree.repo.gitDir}`)
  return tip
}

/** True when the worktree's folder stands; one that lost its pointer and all else counts as deleted. */
export async function isThere(tree: Tree): Promise<boolean> {
  if ((await kindOf(tree.root)) !== 'dir') return false
  return (await readdir(tree.root)).length > 0
}

/** Removes the lock that a git which was killed left on the index; who calls holds the run's own lock, so that no other is at it. */
export async function unlock(tree: Tree): Promise<void> {
  await rm(`${tree.repo.index}.lock`, { force: true })
}

/** Checks the branch out into a new folder; a failure leaves nothing behind. */
export async function checkOut(bench: Bench, tree: Tree): Promise<void> {
  const tip = await tipOf(tree)
  await removeTree(tree.root, bench.places.folder)
  await mkdir(tree.root, { recursive: true })
  await mkdir(dirname(tree.repo.index), { recursive: true })
  await rm(tree.repo.index, { force: true })
  await unlock(tree)
  try {
    await bench.git.own(tree.repo, ['read-tree', '--reset', '-u', tip])
    await makeAgentGit(bench, tree, tip)
  } catch (error) {
    await removeTree(tree.root, bench.places.folder).catch(() => {})
    throw error
  }
}

/** Makes the git directory that an agent in the worktree sees; one that stands there is moved aside. */
export async function makeAgentGit(bench: Bench, tree: Tree, tip: string): Promise<void> {
  const { git, state, places } = bench
  if ((await kindOf(tree.agentGit)) !== 'none') await setAside(bench, tree.agentGit)
  await makeRepository({
    gitDir: tree.agentGit,
    user: state.user,
    stores: [join(places.control.gitDir, 'objects'), ...(await storesOf(state.user))],
    head: tree.ref,
    identity: state.user.identity,
  })
  const own = await readText(join(places.control.gitDir, 'info', 'exclude'))
  if (own !== undefined) await writeAtomic(join(tree.agentGit, 'info', 'exclude'), own)
  await writeFile(join(tree.agentGit, 'packed-refs'), await refsOfUser(git, state))
  await syncAgent(bench, tree, tip)
}

/** The user's branches and tags, so that `git describe` and `git diff main` work in the worktree. */
async function refsOfUser(git: Git, state: RunState): Promise<string> {
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags', 'refs/remotes']
  const place = { cwd: state.user.commonDir, gitDir: state.user.commonDir }
  const { code, stdout } = await git.user(place, args, { ok: [0, 128] })
  if (code !== 0) return ''
  const lines = stdout
    .toString()
    .split('\n')
    .filter((each) => each !== '' && !/ refs\/heads\/loopwright(\/|$)/.test(each))
  return lines.map((each) => `${each}\n`).join('')
}

/** Moves something an agent made out of the way; nothing of it is lost. */
async function setAside(bench: Bench, path: string): Promise<void> {
  const place = join(bench.places.folder, 'aside', randomBytes(6).toString('hex'))
  await mkdir(dirname(place), { recursive: true })
  await rename(path, place)
}

/** Shows the agent's git what we committed: branch, HEAD, index, and the pointer in the worktree. */
export async function syncAgent(bench: Bench, tree: Tree, tip: string): Promise<void> {
  const pointer = join(tree.root, '.git')
  const wanted = `gitdir: ${tree.agentGit}\n`
  const kind = await kindOf(pointer)
  if (kind !== 'file' || (await readText(pointer)) !== wanted) {
    if (kind !== 'none') await setAside(bench, pointer)
    await writeFile(pointer, wanted, { flag: 'wx' })
  }
  if ((await kindOf(tree.agentGit)) !== 'dir') return await makeAgentGit(bench, tree, tip)
  const file = (name: string) => join(tree.agentGit, name)
  if ((await readText(file(tree.ref)))?.trim() !== tip) await writeAtomic(file(tree.ref), `${tip}\n`)
  if ((await readText(file('HEAD'))) !== `ref: ${tree.ref}\n`) await writeAtomic(file('HEAD'), `ref: ${tree.ref}\n`)
  for (const name of ['rebase-merge', 'rebase-apply', 'sequencer']) {
    if ((await kindOf(file(name))) !== 'none') await setAside(bench, file(name))
  }
  for (const name of ['MERGE_HEAD', 'MERGE_MSG', 'MERGE_MODE', 'CHERRY_PICK_HEAD', 'REVERT_HEAD']) {
    await rm(file(name), { force: true })
  }
  const draft = file(`index.${process.pid}.new`)
  await copyFile(tree.repo.index, draft)
  await rename(draft, file('index'))
}

/** What an agent committed by itself, brought into our repository. */
interface Brought {
  /** Our branch's commit, moved forward over the agent's where possible. */
  readonly tip: string
  /** Commits that go another way: further parents, so that they stay in the history. */
  readonly others: readonly string[]
  readonly moved: boolean
}

async function bringCommits(bench: Bench, tree: Tree, tip: string): Promise<Brought> {
  const { git } = bench
  const nothing: Brought = { tip, others: [], moved: false }
  const head = (await readText(join(tree.agentGit, 'HEAD')))?.trim()
  const branch = (await readText(join(tree.agentGit, tree.ref)))?.trim()
  if (head === `ref: ${tree.ref}` && branch === tip) return nothing
  try {
    const place = { cwd: tree.agentGit, gitDir: tree.agentGit }
    const heads = new Set<string>()
    for (const name of [tree.ref, 'HEAD']) {
      const args = ['rev-parse', '--verify', '--quiet', `${name}^{commit}`]
      const { code, stdout } = await git.user(place, args, { ok: [0, 1, 128] })
      if (code === 0 && isCommitId(line(stdout)) && line(stdout) !== tip) heads.add(line(stdout))
    }
    if (heads.size === 0) return nothing
    const borrowing = { ...tree.repo, alternates: [join(tree.agentGit, 'objects')] }
    await copyObjects(git, borrowing, tree.repo, [...heads], [tip, tree.base])
    let current = tip
    const others: string[] = []
    for (const each of heads) {
      if (await isAncestor(git, tree.repo, each, current)) continue
      if (await isAncestor(git, tree.repo, current, each)) current = each
      else others.push(each)
    }
    // The index follows the agent's HEAD, so that ignored files it committed by force stay in.
    const last = [...heads].at(-1)
    if (last !== undefined) await git.own(tree.repo, ['read-tree', '--reset', '-i', last])
    return { tip: current, others, moved: current !== tip || others.length > 0 }
  } catch (error) {
    if (!isLoopwrightError(error, 'workspace')) throw error
    bench.notes.add(
      `commits made by the agent in ${tree.agentGit} could not be read and stay there: ${messageOf(error)}`,
    )
    return nothing
  }
}

/** Brings the index to the work tree's content; says what was left out. */
export async function stageTree(bench: Bench, tree: Tree, moved = false): Promise<Staged> {
  if (!(await isThere(tree))) {
    throw new LoopwrightError('workspace', `the worktree ${tree.root} is gone`, {
      hint: 'resume the run: the worktree is made anew at its last checkpoint',
    })
  }
  await unlock(tree)
  if ((await kindOf(tree.repo.index)) === 'none') {
    // Without an index everything would look deleted.
    await bench.git.own(tree.repo, ['read-tree', await tipOf(tree)])
  }
  const gitlinks = new Set(bench.state.gitlinks)
  const staged = await stage(bench.git, tree.repo, { gitlinks, suspectGitlinks: moved })
  for (const path of staged.leftOut) bench.notes.add(`left out of the checkpoint: ${path}`)
  for (const path of staged.nested) {
    bench.notes.add(`${path} is a repository of its own: its files were taken as plain files, its history was not`)
  }
  return staged
}

export interface Committed {
  /** Absent when nothing had changed. */
  readonly commit?: string
  /** The branch's commit now. */
  readonly tip: string
  /** Changed by this commit, raw paths. */
  readonly changed: readonly string[]
}

/** Commits what changed in a worktree, the agent's own commits included; a step that has its commit already gets that one. */
export async function commitAll(
  bench: Bench,
  tree: Tree,
  message: string,
  step: string,
  options: {
    /** Commits also when all that changed came in by merges: the commit then marks where they end. */
    readonly overMerges?: boolean
    /** What agents committed counts by its files alone: the commit stands on the run's own, and their history stays where it is. */
    readonly fold?: boolean
  } = {},
): Promise<Committed> {
  const { git } = bench
  const tip = await tipOf(tree)
  const done = (await stepsSince(git, tree.repo, tree.base, tip)).get(oneLine(step))
  if (done !== undefined) {
    const from = options.overMerges ? await checkpointBelow(git, tree, `${done}^1`) : `${done}^1`
    return { commit: done, tip, changed: await changedPaths(git, tree.repo, from, done) }
  }
  const found = await bringCommits(bench, tree, tip)
  const brought = options.fold ? { tip, others: [], moved: false } : found
  const [staged, before] = await Promise.all([stageTree(bench, tree, found.moved), treeOf(git, tree.repo, tip)])
  const below = options.overMerges ? await checkpointBelow(git, tree, tip) : tip
  if (!brought.moved && staged.tree === before && below === tip) {
    await syncAgent(bench, tree, tip)
    return { tip, changed: [] }
  }
  const commit = await commitTree(git, tree.repo, {
    tree: staged.tree,
    parents: [brought.tip, ...brought.others],
    message,
    trailers: { 'Loopwright-Step': step },
    identity: bench.state.user.identity,
  })
  await writeRef(tree.repo, tree.ref, commit)
  const [changed] = await Promise.all([
    changedPaths(git, tree.repo, below, staged.tree),
    syncAgent(bench, tree, commit),
  ])
  return { commit, tip: commit, changed }
}

/** The last checkpoint at or below a commit of the run's branch; the base when there is none. */
async function checkpointBelow(git: Git, tree: Tree, commit: string): Promise<string> {
  const trailer = (key: string) => `%(trailers:key=${key},valueonly,unfold,separator=%x2C)`
  const format = `--format=%H%x01${trailer('Loopwright-Step')}%x01${trailer('Loopwright-Worker')}`
  const { stdout } = await git.own(tree.repo, ['log', '-z', '--first-parent', format, commit, `^${tree.base}`])
  for (const record of records(stdout)) {
    const [hash = '', step = '', worker = ''] = shown(record).split('\x01')
    if (step !== '' && worker === '' && !step.endsWith(beforeMerge)) return hash
  }
  return tree.base
}

/** Ends the step of a commit that only clears the way for merges. */
export const beforeMerge = '#before'

/** Commits an agent made that our branch does not reach: other branches, a stash. They would go with the worktree. */
export async function strayCommits(bench: Bench, tree: Tree): Promise<string[]> {
  if ((await kindOf(tree.agentGit)) !== 'dir') return []
  const place = { cwd: tree.agentGit, gitDir: tree.agentGit }
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/stash']
  const { code, stdout } = await bench.git.user(place, args, { ok: [0, 128] })
  if (code !== 0) return ['a git directory that cannot be read']
  const known = new Set((await refsOfUser(bench.git, bench.state)).split('\n'))
  const stray: string[] = []
  for (const entry of stdout.toString().split('\n')) {
    const [commit = '', ref = ''] = entry.split(' ')
    if (ref === '' || known.has(entry)) continue
    const borrowing = { ...tree.repo, alternates: [join(tree.agentGit, 'objects')] }
    const found = await bench.git.own(borrowing, ['merge-base', '--is-ancestor', commit, await tipOf(tree)], {
      ok: [0, 1, 128],
    })
    if (found.code !== 0) stray.push(ref)
  }
  return stray
}

/** Unmerged and uncommitted paths left in a worktree after a commit: special files, refused names. */
export async function leftBehind(bench: Bench, tree: Tree): Promise<string[]> {
  const staged = await stageTree(bench, tree)
  return [...staged.leftOut]
}

/** Gitlinks and attribute files of the checked-out base. */
export async function survey(bench: Bench, tree: Tree): Promise<{ gitlinks: string[]; attributes: string[] }> {
  const { stdout } = await bench.git.own(tree.repo, ['ls-files', '-s', '-z'])
  const gitlinks: string[] = []
  const attributes: string[] = []
  for (const entry of records(stdout)) {
    const path = entry.slice(entry.indexOf('\t') + 1)
    if (entry.startsWith('160000 ')) gitlinks.push(path)
    else if (entry.startsWith('100') && (path === '.gitattributes' || path.endsWith('/.gitattributes')))
      attributes.push(path)
  }
  return { gitlinks, attributes }
}
