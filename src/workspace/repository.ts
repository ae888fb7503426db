import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import { type Identity, objectStores, readInfo, type UserRepo } from './discover.ts'
import { readText, writeAtomic } from './files.ts'
import { type Git, line, type OwnRepo, quoteC, records, shown } from './git.ts'

/** What makes a git directory of ours. */
export interface RepoPlan {
  readonly gitDir: string
  readonly user: UserRepo
  /** Object stores to borrow from. */
  readonly stores: readonly string[]
  readonly head: string
  /** For people and agents who run git there. */
  readonly identity?: Identity
  readonly excludes?: readonly string[]
}

/** Writes a git directory by hand: no template, no hook, no filter, nothing but what stands here. */
export async function makeRepository(plan: RepoPlan): Promise<void> {
  const { gitDir, user } = plan
  await Promise.all(
    ['objects/info', 'objects/pack', 'refs/heads', 'info', 'hooks'].map((name) =>
      mkdir(join(gitDir, name), { recursive: true }),
    ),
  )
  const [exclude, attributes, shallow] = await Promise.all([
    readInfo(join(user.commonDir, 'info', 'exclude')),
    readInfo(join(user.commonDir, 'info', 'attributes')),
    readInfo(join(user.commonDir, 'shallow')),
  ])
  const ours = (plan.excludes ?? []).map((path) => `${escapePattern(path)}\n`).join('')
  const files: [string, string | Buffer | undefined][] = [
    ['config', configText(plan)],
    ['objects/info/alternates', plan.stores.map((store) => `${quoteLine(store)}\n`).join('')],
    ['info/exclude', Buffer.concat([exclude ?? Buffer.alloc(0), Buffer.from(`\n${ours}`)])],
    ['info/attributes', attributes],
    ['shallow', shallow],
    ['HEAD', `ref: ${plan.head}\n`],
  ]
  await Promise.all(
    files.map(async ([name, content]) => {
      if (content !== undefined) await writeAtomic(join(gitDir, name), content)
    }),
  )
}

/** A path as a pattern of an exclude file that matches it alone. */
export function escapePattern(path: string): string {
  return `/${path.replace(/[\\*?[\]!#]/g, '\\$&').replace(/ +$/, (spaces) => '\\ '.repeat(spaces.length))}`
}

function quoteLine(path: string): string {
  return path.includes('\n') ? quoteC(path) : path
}

function configText(plan: RepoPlan): string {
  const { user } = plan
  const sha256 = user.format !== 'sha1'
  const lines = ['[core]', `\trepositoryformatversion = ${sha256 ? 1 : 0}`, '\tbare = false', '\tsafecrlf = false']
  for (const [name, value] of Object.entries(user.settings)) lines.push(`\t${name.slice(5)} = ${quoteValue(value)}`)
  if (sha256) lines.push('[extensions]', `\tobjectFormat = ${user.format}`)
  lines.push('[gc]', '\tauto = 0', '[maintenance]', '\tauto = false', '[checkout]', '\tworkers = 0')
  if (plan.identity) {
    lines.push('[user]', `\tname = ${quoteValue(plan.identity.name)}`, `\temail = ${quoteValue(plan.identity.email)}`)
  }
  return `${lines.join('\n')}\n`
}

function quoteValue(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
}

/** The stores a repository of ours borrows from. */
export async function storesOf(user: UserRepo): Promise<string[]> {
  return objectStores(user.objects)
}

/** The commit a ref of ours holds. Only we write here, one loose file per ref. */
export async function readRef(repo: OwnRepo, ref: string): Promise<string | undefined> {
  const text = (await readText(join(repo.gitDir, ref)))?.trim()
  return text !== undefined && isCommitId(text) ? text : undefined
}

/** True for a full object name. */
export function isCommitId(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}

/** Sets a ref of ours, durably. */
export async function writeRef(repo: OwnRepo, ref: string, commit: string): Promise<void> {
  await writeAtomic(join(repo.gitDir, ref), `${commit}\n`)
}

/** Removes a ref of ours. */
export async function dropRef(repo: OwnRepo, ref: string): Promise<void> {
  await rm(join(repo.gitDir, ref), { force: true })
}

/** Refs of ours below refs/heads/loopwright. */
export async function listBranches(repo: OwnRepo): Promise<string[]> {
  const names = await readdir(join(repo.gitDir, 'refs/heads/loopwright')).catch(() => [])
  return names.filter((name) => !name.endsWith('.new')).map((name) => `refs/heads/loopwright/${name}`)
}

export interface NewCommit {
  readonly tree: string
  readonly parents: readonly string[]
  readonly message: string
  readonly trailers: Readonly<Record<string, string>>
  readonly identity: Identity
}

/** Makes a commit object: no hook, no signature, no ref. */
export async function commitTree(git: Git, repo: OwnRepo, commit: NewCommit): Promise<string> {
  const trailers = Object.entries(commit.trailers).map(([key, value]) => `${key}: ${oneLine(value)}`)
  const message = `${commit.message.trim() || 'loopwright'}\n\n${trailers.join('\n')}\n`
  const { name, email } = commit.identity
  const { stdout } = await git.own(
    repo,
    ['commit-tree', commit.tree, ...commit.parents.flatMap((parent) => ['-p', parent]), '-F', '-'],
    {
      input: message,
      env: { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email },
    },
  )
  const made = line(stdout)
  remember(made, commit.tree)
  return made
}

/** A step's name as a trailer can hold it. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** Commits after `base` that carry a step, by `step` or `step\0worker`. */
export async function stepsSince(git: Git, repo: OwnRepo, base: string, tip: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  if (base === tip) return found
  const trailer = (key: string) => `%(trailers:key=${key},valueonly,unfold,separator=%x2C)`
  const format = `--format=%H%x01${trailer('Loopwright-Step')}%x01${trailer('Loopwright-Worker')}`
  const { stdout } = await git.own(repo, ['log', '-z', format, tip, `^${base}`])
  for (const record of records(stdout)) {
    const [commit = '', step = '', worker = ''] = shown(record).split('\x01')
    if (step !== '') found.set(worker === '' ? step : `${step}\0${worker}`, commit)
  }
  return found
}

/** Paths that differ between two trees, as git writes them. */
export async function changedPaths(git: Git, repo: OwnRepo, from: string, to: string): Promise<string[]> {
  if (from === to) return []
  const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--no-ext-diff', '--no-textconv', from, to]
  return records((await git.own(repo, args)).stdout)
}

/** True when `ancestor` is `commit` or in its history. */
export async function isAncestor(git: Git, repo: OwnRepo, ancestor: string, commit: string): Promise<boolean> {
  if (ancestor === commit) return true
  return (await git.own(repo, ['merge-base', '--is-ancestor', ancestor, commit], { ok: [0, 1] })).code === 0
}

/**
 * Copies what `want` reaches and `not` does not from one repository into another store. Only our own configuration is read;
 * every object's hash is checked on arrival.
 */
export async function copyObjects(
  git: Git,
  from: OwnRepo,
  into: OwnRepo,
  want: readonly string[],
  not: readonly string[],
): Promise<void> {
  const folder = join(from.gitDir, `pack-${randomBytes(6).toString('hex')}`)
  await mkdir(folder)
  try {
    const input = `${[...want, ...not.map((commit) => `^${commit}`)].join('\n')}\n`
    const args = ['pack-objects', '-q', '--revs', '--non-empty', '--delta-base-offset', join(folder, 'pack')]
    const hash = line((await git.own(from, args, { input })).stdout)
    if (hash === '') return
    await git.own(into, ['index-pack', '--stdin'], { inputFile: join(folder, `pack-${hash}.pack`) })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What commits of ours were seen to hold; a commit's name says its tree, so an entry is never out of date. */
const trees = new Map<string, string>()
const mostTrees = 1000

function remember(commit: string, tree: string): void {
  if (trees.size >= mostTrees) trees.clear()
  trees.set(commit, tree)
}

/** The tree of a commit. */
export async function treeOf(git: Git, repo: OwnRepo, commit: string): Promise<string> {
  const known = trees.get(commit)
  if (known !== undefined) return known
  const tree = line((await git.own(repo, ['rev-parse', '--verify', `${commit}^{tree}`])).stdout)
  if (isCommitId(commit)) remember(commit, tree)
  return tree
}

/** Rejects unless the text can name a commit (no option, no range). */
export function checkRevision(text: string): void {
  if (text === '' || text.startsWith('-') || text.includes('..') || text.includes('\0')) {
    throw new LoopwrightError('bad_input', `not a branch or commit: ${JSON.stringify(text)}`)
  }
}
