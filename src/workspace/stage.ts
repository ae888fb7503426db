import { constants } from 'node:fs'
import { access, lstat, readdir } from 'node:fs/promises'
import { isLoopwrightError } from '../core/errors.ts'
import { kindOf } from './files.ts'
import { type Git, line, type OwnRepo, records, shown, toInput } from './git.ts'

/** An own repository with a work tree and an index. */
export interface StagedRepo extends OwnRepo {
  readonly workTree: string
  readonly index: string
}

/** In bytes. */
const largest = 2 * 1024 ** 3

export interface StageOptions {
  /** Gitlinks of the base, raw paths: they stay as they are. */
  readonly gitlinks: ReadonlySet<string>
  /** Look for gitlinks that are not of the base even when nothing points at one (an agent committed). */
  readonly suspectGitlinks: boolean
}

export interface Staged {
  readonly tree: string
  /** Paths that could not be taken (sockets, unreadable files, files over 2 GiB …), for people. */
  readonly leftOut: readonly string[]
  /** Repositories inside the work tree whose files were taken as plain files. */
  readonly nested: readonly string[]
}

/**
 * Brings the index to what the work tree holds, ignored files aside, and writes its tree. Instead of `git add`, which runs
 * `git status` inside nested repositories and with it what their configuration names: listed paths only, none of them a repository.
 */
export async function stage(git: Git, repo: StagedRepo, options: StageOptions): Promise<Staged> {
  const { stdout } = await git.own(repo, ['ls-files', '-z', '-t', '-m', '-d', '-o', '--exclude-standard'])
  const tracked = new Set<string>()
  const untracked: string[] = []
  for (const record of records(stdout)) {
    const path = record.slice(2)
    if (record.startsWith('? ')) untracked.push(path)
    else tracked.add(path)
  }
  const plan: Plan = { add: [], remove: [], leftOut: [], nested: [] }
  const look = looker(repo.workTree)
  const kinds = await Promise.all([...tracked].map(async (path) => [path, await look(path)] as const))
  const suspects = options.suspectGitlinks || kinds.some(([, kind]) => kind === 'none' || kind === 'dir')
  const links = suspects ? await gitlinks(git, repo) : new Set<string>()
  for (const [path, kind] of kinds) {
    if (links.has(path)) continue
    if (kind === 'file' || kind === 'link') plan.add.push(path)
    else if (kind === 'other') plan.leftOut.push(path)
    else plan.remove.push(path)
  }
  const strangers = [...links].filter((path) => !options.gitlinks.has(path))
  plan.remove.push(...strangers)
  for (const path of untracked.filter((each) => !each.endsWith('/'))) {
    const kind = await look(path)
    if (kind === 'file' || kind === 'link') plan.add.push(path)
    else if (kind !== 'none') plan.leftOut.push(path)
  }
  const roots = [...untracked.filter((path) => path.endsWith('/')).map((path) => path.slice(0, -1)), ...strangers]
  for (const path of roots) {
    if ((await look(path)) !== 'dir') continue
    plan.nested.push(path)
    plan.add.push(...(await plainFiles(git, repo, path)))
  }
  await leaveOut(repo.workTree, plan)
  if (plan.remove.length > 0) {
    await git.own(repo, ['update-index', '-z', '--force-remove', '--stdin'], { input: toInput(plan.remove) })
  }
  await add(git, repo, plan.add, plan.leftOut)
  const tree = line((await git.own(repo, ['write-tree'])).stdout)
  return { tree, leftOut: plan.leftOut.map(shown), nested: plan.nested.map(shown) }
}

interface Plan {
  readonly add: string[]
  readonly remove: string[]
  readonly leftOut: string[]
  readonly nested: string[]
}

/** Adds paths; when git refuses some, halves the list until only these are left out. */
async function add(git: Git, repo: StagedRepo, paths: readonly string[], leftOut: string[]): Promise<void> {
  if (paths.length === 0) return
  try {
    await git.own(repo, ['update-index', '-z', '--add', '--remove', '--replace', '--stdin'], { input: toInput(paths) })
  } catch (error) {
    if (!isLoopwrightError(error, 'workspace') || /index\.lock|timed? ?out|gave no answer/i.test(error.message))
      throw error
    if (paths.length === 1) leftOut.push(...paths)
    else {
      const middle = Math.ceil(paths.length / 2)
      await add(git, repo, paths.slice(0, middle), leftOut)
      await add(git, repo, paths.slice(middle), leftOut)
    }
  }
}

/** Tells what stands at a raw path; what is beyond a symbolic link counts as gone. */
function looker(root: string): (path: string) => ReturnType<typeof kindOf> {
  const folders = new Map<string, Promise<boolean>>()
  const isFolder = (path: string): Promise<boolean> => {
    let known = folders.get(path)
    if (known === undefined) {
      const slash = path.lastIndexOf('/')
      known = (slash < 0 ? Promise.resolve(true) : isFolder(path.slice(0, slash))).then(
        async (parent) => parent && (await kindOf(absolute(root, path))) === 'dir',
      )
      folders.set(path, known)
    }
    return known
  }
  return async (path) => {
    const slash = path.lastIndexOf('/')
    if (slash >= 0 && !(await isFolder(path.slice(0, slash)))) return 'none'
    return kindOf(absolute(root, path))
  }
}

/** A raw path below a root, as bytes. */
export function absolute(root: string, raw: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(raw, 'latin1')])
}

/** Gitlinks in the index, raw paths. */
export async function gitlinks(git: Git, repo: OwnRepo): Promise<Set<string>> {
  const { stdout } = await git.own(repo, ['ls-files', '-s', '-z'])
  return new Set(
    records(stdout).flatMap((entry) => (entry.startsWith('160000 ') ? [entry.slice(entry.indexOf('\t') + 1)] : [])),
  )
}

/** Files below a nested repository, found without git, minus what ignore rules name. */
async function plainFiles(git: Git, repo: StagedRepo, path: string): Promise<string[]> {
  const found: string[] = []
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(absolute(repo.workTree, folder), { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name.toString('latin1')
      if (name.toLowerCase() === '.git') continue
      if (entry.isDirectory()) await walk(`${folder}/${name}`)
      else if (entry.isFile() || entry.isSymbolicLink()) found.push(`${folder}/${name}`)
    }
  }
  await walk(path)
  if (found.length === 0) return found
  // check-ignore knows no literal pathspecs: the `./` keeps a leading colon from being read as one.
  const asked = await git.own(repo, ['check-ignore', '-z', '--stdin', '--no-index'], {
    input: toInput(found.map((each) => `./${each}`)),
    ok: [0, 1],
    env: { GIT_LITERAL_PATHSPECS: '0' },
  })
  const ignored = new Set(records(asked.stdout))
  return found.filter((each) => !ignored.has(`./${each}`))
}

/** Takes from the plan what cannot be read, and giants: a file of holes costs an agent nothing, and a checkpoint hours and the disk. */
async function leaveOut(root: string, plan: Plan): Promise<void> {
  const fits = await Promise.all(
    plan.add.map(async (path) => {
      const file = absolute(root, path)
      const facts = await lstat(file).catch(() => undefined)
      if (facts?.isFile() !== true) return true
      if (facts.size > largest) return false
      return access(file, constants.R_OK).then(
        () => true,
        () => false,
      )
    }),
  )
  const taken = plan.add.filter((_, at) => fits[at])
  plan.leftOut.push(...plan.add.filter((_, at) => !fits[at]))
  plan.add.splice(0, plan.add.length, ...taken)
}
