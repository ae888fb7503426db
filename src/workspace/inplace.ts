import { lstat, mkdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import { isKeptByRun } from '../core/loop-files.ts'
import type { Workspace, WorkspaceSpec } from '../core/ports.ts'
import { overUser, userStatus } from './create.ts'
import { resolveCommit, type UserRepo } from './discover.ts'
import { isInside, kindOf, readText, realPathOf, removeTree, writeAtomic } from './files.ts'
import { type Git, records, shown } from './git.ts'
import { changedPaths, makeRepository, storesOf } from './repository.ts'
import { absolute, stage } from './stage.ts'
import { nameOf, worktreesIn } from './state.ts'

/** What stood in the user's files when the run began. */
interface Before {
  readonly head: string | null
  /** Raw path → what tells whether it was touched since. */
  readonly dirty: Readonly<Record<string, string>>
}

/** A workspace that is the project itself. It commits nothing; inside a repository it can tell what changed. */
export async function openInPlace(
  git: Git,
  home: string,
  spec: WorkspaceSpec,
  user: UserRepo | undefined,
): Promise<Workspace> {
  const folder = join(worktreesIn(home), nameOf(spec.run))
  const control = join(folder, 'control.git')
  const seen =
    user === undefined ? undefined : await watch(git, { user, folder, control, loop: await loopFolderIn(user, spec) })
  const changed = async () => (await seen?.changed()) ?? []
  const warnings = user === undefined ? ['not a git repository: working in place, nothing can be undone'] : []
  const none = () => Promise.reject(new LoopwrightError('workspace', 'working in place: workers share the directory'))
  const workspace: Workspace = {
    path: spec.project,
    root: user?.top ?? spec.project,
    isolated: false,
    repositories: user === undefined ? [] : [...new Set([user.gitDir, user.commonDir])],
    warnings,
    ...(seen?.before.head ? { base: seen.before.head } : {}),
    fork: async () => workspace,
    async checkpoint() {
      const files = await changed()
      return { changedFiles: files, totalChangedFiles: files }
    },
    merge: async (workers) => workers.map(({ id }) => ({ id, merged: true, conflicts: [], changedFiles: [] })),
    restore: () =>
      Promise.reject(
        new LoopwrightError('workspace', 'working in place: nothing is committed, nothing can be rolled back'),
      ),
    drop: async () => {},
    changedFiles: changed,
    diff: async (maxBytes) => (await seen?.diff(maxBytes ?? 1024 * 1024)) ?? '',
    publish: async () => {},
    async close() {
      await removeTree(folder, worktreesIn(home)).catch(none)
      return { kept: true, path: spec.project }
    },
  }
  return workspace
}

/** What is looked at, and with what. */
interface Watched {
  readonly user: UserRepo
  readonly folder: string
  readonly control: string
  /** The loop folder as git names directories, `''` at the top; undefined when it lies elsewhere. Raw. */
  readonly loop: string | undefined
}

async function watch(git: Git, watched: Watched) {
  const { user, folder, control, loop } = watched
  const file = join(folder, 'before.json')
  const text = await readText(file)
  if (text === undefined) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await makeRepository({ gitDir: control, user, stores: await storesOf(user), head: 'refs/heads/none' })
    await writeAtomic(file, JSON.stringify(await look(git, watched)), 0o600)
  }
  const before: Before = JSON.parse(text ?? (await readText(file)) ?? '{}')
  const rawChanged = async () => {
    const now = await look(git, watched)
    const paths = new Set<string>()
    for (const [path, mark] of Object.entries(now.dirty)) if (before.dirty[path] !== mark) paths.add(path)
    for (const path of Object.keys(before.dirty)) if (!(path in now.dirty)) paths.add(path)
    if (before.head !== null && now.head !== null) {
      for (const path of await changedPaths(git, { gitDir: control }, before.head, now.head)) paths.add(path)
    }
    return [...paths].filter((path) => !isOfRun(path, loop)).sort()
  }
  return {
    before,
    changed: async () => (await rawChanged()).map(shown),
    async diff(maxBytes: number) {
      const paths = await rawChanged()
      if (paths.length === 0) return ''
      const repo = await overUser(git, control, user, 'diff-index')
      const from = before.head ?? emptyTree(user.format)
      await stage(git, repo, { gitlinks: new Set(), suspectGitlinks: false })
      const args = [
        'diff-index',
        '--cached',
        '-p',
        '--no-color',
        '--no-ext-diff',
        '--no-textconv',
        '--ignore-submodules=all',
        from,
        '--',
      ]
      const { stdout } = await git.own(repo, [...args, ...paths.slice(0, 500).map(shown)], { maxBytes, truncate: true })
      return stdout.toString()
    },
  }
}

/** The hash every empty tree has. */
export function emptyTree(format: string): string {
  return format === 'sha256'
    ? '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321'
    : '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
}

async function look(git: Git, { user, control, loop }: Watched): Promise<Before> {
  const dirty: Record<string, string> = {}
  for (const path of await statusAround(git, { user, control, loop })) {
    if (isOfRun(path, loop)) continue
    const place = absolute(user.top, path)
    if ((await kindOf(place)) === 'none') dirty[path] = 'gone'
    else {
      const found = await lstat(place, { bigint: true })
      dirty[path] = `${found.mtimeNs} ${found.size} ${found.ino} ${found.mode}`
    }
  }
  return { head: (await resolveCommit(git, user, 'HEAD')) ?? null, dirty }
}

/** The user's status; a new directory that holds what runs write into the loop folder is looked into. */
async function statusAround(git: Git, { user, control, loop }: Omit<Watched, 'folder'>): Promise<string[]> {
  const paths = await userStatus(git, control, user)
  const lessons = `${loop}knowledge/`
  const above = paths.filter((path) => path.endsWith('/') && loop !== undefined && lessons.startsWith(path))
  if (above.length === 0) return paths
  const repo = await overUser(git, control, user, 'user-index')
  const listing = ['ls-files', '-z', '-o', '--exclude-standard', '--', ...above.map(shown)]
  const within = records((await git.own(repo, listing)).stdout)
  return [...paths.filter((path) => !above.includes(path)), ...within]
}

async function loopFolderIn(user: UserRepo, { loopFolder }: WorkspaceSpec): Promise<string | undefined> {
  const place = loopFolder === undefined ? undefined : await realPathOf(loopFolder)
  if (place === undefined || !isInside(user.top, place)) return undefined
  const way = relative(user.top, place).split(sep).join('/')
  return way === '' ? '' : Buffer.from(`${way}/`, 'utf8').toString('latin1')
}

function isOfRun(path: string, loop: string | undefined): boolean {
  return loop !== undefined && path.startsWith(loop) && isKeptByRun(path.slice(loop.length))
}
