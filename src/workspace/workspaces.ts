import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import type { Checkpoint, RunCommand, Workspace, WorkspacePlace, WorkspaceSpec, Workspaces } from '../core/ports.ts'
import { createRun, mainTree } from './create.ts'
import { discover } from './discover.ts'
import { isInside, kindOf, readText, realPathOf, removeTree, writeAtomic } from './files.ts'
import { adopted, allForks, dropFork, findFork, forkTree, mend, readyMark, throwFork } from './forks.ts'
import { createGit, type Git, shown } from './git.ts'
import { openInPlace } from './inplace.ts'
import { withLock } from './lock.ts'
import { mergeWorker, recoverMove } from './merge.ts'
import { copyInto, runSetup } from './prepare.ts'
import { publishRef } from './publish.ts'
import { changedPaths, escapePattern, isAncestor, storesOf } from './repository.ts'
import { restoreTree } from './restore.ts'
import { dropSpares } from './spare.ts'
import { hashOf, placesOf, readState, worktreesIn } from './state.ts'
import {
  type Bench,
  beforeMerge,
  commitAll,
  isThere,
  leftBehind,
  stageTree,
  strayCommits,
  type Tree,
  tipOf,
} from './worktree.ts'

export interface WorkspacesOptions {
  /** loopwright's state directory; absolute. */
  readonly home: string
  /** Runs setup commands. Without it a spec with `setup` is refused. */
  readonly run?: RunCommand
  /** The environment git gets, minus GIT_*. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly git?: Git
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const defaultDiffBytes = 1024 * 1024

/** Workspaces on git worktrees, each run in a repository of its own that borrows the user's objects; or in place. */
export function createWorkspaces(options: WorkspacesOptions): Workspaces {
  const git = options.git ?? createGit({ env: options.env })
  return {
    async open(spec) {
      const user = await discover(git, spec.project).catch(async (error) => {
        // Without git one can still work in place, if that is what was asked for.
        if (error instanceof LoopwrightError && error.code === 'missing_tool' && spec.isolation === 'inplace')
          return undefined
        throw error
      })
      if (user === undefined || spec.isolation === 'inplace') return openInPlace(git, options.home, spec, user)
      const places = placesOf(options.home, spec.run)
      const bench = await withLock(places.lock, async () => {
        const state = await readState(places)
        if (state === undefined) {
          const now = options.now ?? Date.now
          return createRun(git, options.home, places, user, spec, now())
        }
        if (state.user.commonDir !== user.commonDir) {
          throw new LoopwrightError('conflict', `run ${spec.run} belongs to another repository: ${state.project}`)
        }
        const found: Bench = { git, places, state, notes: new Set() }
        await mend(found, mainTree(found))
        return found
      })
      return openTree({ bench, spec, options }, mainTree(bench))
    },
  }
}

interface Opened {
  readonly bench: Bench
  readonly spec: WorkspaceSpec
  readonly options: WorkspacesOptions
}

/**
 * Copies and sets up a fresh worktree, once; under a lock of its own, so that workers prepare at the same time. One that an earlier
 * worker left is set up already: only what is missing is copied.
 */
async function prepare(
  { bench, spec, options }: Opened,
  tree: Tree,
  cwd: string,
  place: WorkspacePlace,
): Promise<void> {
  const mark = readyMark(bench, tree)
  if ((await readText(mark)) === '') return
  await withLock(`${bench.places.lock}@${tree.id}`, async () => {
    const before = await readText(mark)
    if (before === '') return
    const { copied, refused } = await copyInto(bench.state.user.top, tree.root, spec.copy ?? [])
    for (const note of refused) bench.notes.add(note)
    if (copied.length > 0) {
      // What was brought in from outside the history (keys, settings) does not get into it.
      for (const gitDir of [bench.places.control.gitDir, tree.agentGit]) {
        const file = join(gitDir, 'info', 'exclude')
        const now = (await readText(file)) ?? ''
        const lines = copied.map(escapePattern).filter((entry) => !now.split('\n').includes(entry))
        await writeAtomic(file, `${now}${lines.map((entry) => `${entry}\n`).join('')}`)
      }
    }
    const setup = before === adopted ? [] : (spec.setup ?? [])
    if (setup.length > 0) {
      if (options.run === undefined) throw new LoopwrightError('workspace', 'no way to run setup commands was given')
      const confinement = await spec.confine?.(place)
      const where = { cwd, ...(confinement === undefined ? {} : { confinement }) }
      await runSetup(options.run, setup, where, join(bench.places.folder, `setup-${tree.id}.log`))
    }
    await writeAtomic(mark, '')
  })
}

async function openTree(opened: Opened, tree: Tree): Promise<Workspace> {
  const { bench } = opened
  const { git, places, state } = bench
  const { sealed = false } = opened.spec
  const path = await subdirectory(tree, state.user.prefix)
  const place: WorkspacePlace = {
    root: tree.root,
    repositories: [tree.agentGit, join(places.control.gitDir, 'objects'), ...(await storesOf(state.user))],
    original: state.user.top,
  }
  await prepare(opened, tree, path, place)
  const guarded = <T>(work: () => Promise<T>) => withLock(places.lock, work)
  const totals = async (tip: string) => (await changedPaths(git, tree.repo, tree.base, tip)).map(shown)
  return {
    ...place,
    path,
    branch: tree.ref.replace('refs/heads/', ''),
    base: tree.base,
    isolated: true,
    get warnings() {
      return [...state.warnings, ...bench.notes]
    },
    fork: async (id) => openTree(opened, await guarded(() => forkTree(bench, id))),
    checkpoint: (message, step) =>
      guarded(async (): Promise<Checkpoint> => {
        const done = await commitAll(bench, tree, message, step, { overMerges: true, fold: sealed })
        return {
          ...(done.commit === undefined ? {} : { commit: done.commit }),
          changedFiles: done.changed.map(shown),
          totalChangedFiles: await totals(done.tip),
        }
      }),
    merge: (workers, step) =>
      guarded(async () => {
        await recoverMove(bench, tree)
        await commitAll(bench, tree, 'loopwright: work before a merge', `${step}${beforeMerge}`)
        const outcomes = []
        for (const { id, title } of workers) {
          const worker = await findFork(bench, id)
          if (worker !== undefined && !(await isThere(worker.tree))) await mend(bench, worker.tree)
          const outcome = await mergeWorker(bench, tree, worker?.tree, { id, title, step })
          if (outcome.merged && worker !== undefined) await dropFork(bench, tree, worker)
          outcomes.push(outcome)
        }
        return outcomes
      }),
    restore: (commit, message, step) =>
      guarded(async (): Promise<Checkpoint> => {
        const done = await restoreTree(bench, tree, { commit, message, step })
        return {
          ...(done.commit === undefined ? {} : { commit: done.commit }),
          changedFiles: done.changed.map(shown),
          totalChangedFiles: await totals(done.tip),
        }
      }),
    drop: (id) =>
      guarded(async () => {
        const worker = await findFork(bench, id)
        if (worker !== undefined) await throwFork(bench, worker)
      }),
    changedFiles: () =>
      guarded(async () => {
        const { tree: now } = await stageTree(bench, tree)
        return (await changedPaths(git, tree.repo, tree.base, now)).map(shown)
      }),
    diff: (maxBytes = defaultDiffBytes, commit) =>
      guarded(async () => {
        if (commit !== undefined && !/^[0-9a-f]{40,64}$/.test(commit))
          throw new LoopwrightError('workspace', `no commit: ${commit.slice(0, 80)}`)
        const tip = sealed ? await tipOf(tree) : tree.base
        const now = commit ?? (tip === tree.base ? (await stageTree(bench, tree)).tree : tip)
        const args = ['diff-tree', '-r', '-p', '-M', '--no-color', '--no-ext-diff', '--no-textconv', tree.base, now]
        return (await git.own(tree.repo, args, { maxBytes, truncate: true })).stdout.toString()
      }),
    publish: () => guarded(() => publishTree(bench, tree)),
    close: (policy) => guarded(() => closeRun(opened, tree, policy)),
  }
}

/** The directory the user started from, in the worktree; made when the base does not have it. */
async function subdirectory(tree: Tree, prefix: string): Promise<string> {
  const path = join(tree.root, prefix)
  if (prefix === '') return path
  const nearest = await realPathOf(path)
  if (nearest === undefined) {
    let parent = path
    while ((await kindOf(parent)) === 'none') parent = join(parent, '..')
    const real = await realPathOf(parent)
    if (real !== undefined && isInside((await realPathOf(tree.root)) ?? tree.root, real)) {
      await mkdir(path, { recursive: true })
      return path
    }
  } else if (isInside((await realPathOf(tree.root)) ?? tree.root, nearest)) return path
  throw new LoopwrightError('workspace', `${prefix} leads out of the worktree by a symbolic link`)
}

async function publishTree(bench: Bench, tree: Tree): Promise<void> {
  const { git, state, places } = bench
  await publishRef(git, state.user, places.control, tree.ref, await tipOf(tree), state.known)
}

async function closeRun(opened: Opened, tree: Tree, policy: 'auto' | 'always' | 'never') {
  const { bench, options } = opened
  const run = mainTree(bench)
  if (tree.id !== run.id) {
    return { kept: true, path: tree.root, branch: tree.ref.replace('refs/heads/', '') }
  }
  const branch = bench.state.branch
  const held = { kept: true, path: run.root, branch }
  await dropSpares(bench).catch((error) => {
    bench.notes.add(`a worktree of an earlier worker is kept: ${messageOf(error)}`)
  })
  if (policy === 'never') return held
  const left: string[] = []
  try {
    const trees = [run, ...(await allForks(bench)).map((fork) => fork.tree)]
    let changed = false
    for (const each of trees) {
      if ((await isThere(each)) && opened.spec.sealed !== true) {
        await recoverMove(bench, each)
        await commitAll(
          bench,
          each,
          'loopwright: work left at the end',
          `close#${hashOf(each.id).slice(0, 8)}#${await tipOf(each)}`,
        )
        left.push(...(await leftBehind(bench, each)), ...(await strayCommits(bench, each)))
      }
      const [tip, to] = [await tipOf(each), each === run ? run.base : await tipOf(run)]
      if (await isAncestor(bench.git, each.repo, tip, to)) continue
      changed = true
      await publishTree(bench, each)
    }
    if (left.length === 0 && (policy === 'always' || !changed)) {
      await removeTree(bench.places.folder, worktreesIn(options.home))
      return { kept: false, ...(changed ? { branch } : {}) }
    }
    if (left.length > 0) bench.notes.add(`the worktree is kept: ${left.slice(0, 5).join(', ')} would be lost`)
    return held
  } catch (error) {
    // Whatever cannot be made sure of is kept.
    bench.notes.add(`the worktree is kept: ${messageOf(error)}`)
    return held
  }
}
