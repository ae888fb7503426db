import { oneLine } from '../core/plain.ts'
import type { Finding } from '../core/triage/finding.ts'
import type { Source } from '../core/triage/ports.ts'
import { records, shown } from '../workspace/git.ts'
import { digest, type GitView, type OpenView, source } from './look.ts'

export interface GitSourceOptions {
  readonly view: OpenView
  /** When somebody last looked, in milliseconds since 1970: commits since then are read. */
  readonly since: number
  /** Paths whose changes are nobody's business: what loops record. */
  readonly ignored?: readonly string[]
  /** Files added since then from this size on are told; 5 MiB by default. */
  readonly largeBytes?: number
  /** Branches at least so many commits behind are told; 100 by default. */
  readonly farBehind?: number
}

const mostCommits = 500
const mostBranches = 20

/** What the history since the last look, and the working copy as it is, have that somebody should see. */
export function gitSource(options: GitSourceOptions): Source {
  return source('git', async () => {
    const found = await options.view(async (view) => {
      const looks = [conflicts, commits, largeFiles, behind, status].map((look) => look(view, options))
      return (await Promise.all(looks)).flat()
    })
    return found === undefined ? { why: 'not a git repository' } : { findings: found }
  })
}

/** Commits that undo others, and those that were meant to be squashed. */
async function commits({ git, repo, head }: GitView, { since }: GitSourceOptions): Promise<Finding[]> {
  if (head === undefined) return []
  const format = '--format=%H%x01%ct%x01%an%x01%s%x01%b'
  const args = ['log', '-z', '--no-show-signature', '--no-mailmap', '--no-merges', `--max-count=${mostCommits}`]
  args.push(`--since=${new Date(since).toISOString()}`, format, head, '--')
  const { stdout } = await git.own(repo, args, { maxBytes: 8 * 1024 * 1024, truncate: true })
  return records(stdout).flatMap((record): Finding[] => {
    const [commit = '', seconds = '', author = '', subject = '', body = ''] = shown(record).split('\x01')
    const common = { source: 'git', author: oneLine(author, 100), at: Number(seconds) * 1000 } as const
    const short = commit.slice(0, 10)
    if (/^Revert "/.test(subject) || /^This reverts commit [0-9a-f]{7,}/m.test(body.slice(0, 5000))) {
      const title = `${short} reverts: ${subject.replace(/^Revert "?|"$/g, '')}`
      return [{ ...common, id: `git:revert:${short}`, title, body, weight: 'normal' } as const]
    }
    if (/^(?:fixup|squash|amend)! |^WIP\b/i.test(subject)) {
      const title = `${short} was to be squashed: ${subject}`
      return [{ ...common, id: `git:fixup:${short}`, title, weight: 'low' } as const]
    }
    return []
  })
}

/** Files with the marks of a merge that nobody settled. */
async function conflicts({ git, repo, head }: GitView): Promise<Finding[]> {
  if (head === undefined) return []
  const ask = ['grep', '-I', '-l', '-z', '--no-color', '--no-textconv', '--full-name', '--all-match', '-E']
  const marks = ['-e', '^<<<<<<< .', '-e', '^=======$', '-e', '^>>>>>>> .']
  const { stdout } = await git.own(repo, [...ask, ...marks, head, '--'], {
    ok: [0, 1],
    maxBytes: 1024 * 1024,
    truncate: true,
  })
  const paths = records(stdout).map((record) => shown(record).slice(head.length + 1))
  // Pages about git show such marks.
  return paths
    .filter((path) => !/\.(?:md|mdx|rst|adoc|txt)$/i.test(path))
    .map((path) => ({
      id: `git:conflict:${path}`,
      source: 'git',
      title: `${path} was committed with conflict marks`,
      paths: [path],
      weight: 'high',
    }))
}

/** Large files that came in, and are still there. */
async function largeFiles({ git, repo, head }: GitView, options: GitSourceOptions): Promise<Finding[]> {
  if (head === undefined) return []
  const { since, largeBytes = 5 * 1024 * 1024 } = options
  const args = [
    'log',
    '-z',
    '--raw',
    '--no-abbrev',
    '--no-renames',
    '--no-show-signature',
    '--no-mailmap',
    '--diff-filter=A',
    '--format=',
  ]
  args.push(
    '--no-ext-diff',
    '--no-textconv',
    `--max-count=${mostCommits}`,
    `--since=${new Date(since).toISOString()}`,
    head,
    '--',
  )
  const { stdout } = await git.own(repo, args, { maxBytes: 8 * 1024 * 1024, truncate: true })
  const added = new Map<string, string>()
  const parts = records(stdout)
  for (let at = 0; at + 1 < parts.length; at++) {
    const blob = /^:\d+ \d+ [0-9a-f]+ ([0-9a-f]+) A$/.exec(parts[at] ?? '')?.[1]
    if (blob !== undefined) added.set(parts[at + 1] ?? '', blob)
  }
  if (added.size === 0) return []
  const input = [...added.values()].map((blob) => `${blob}\n`).join('')
  const sizes = await git.own(repo, ['cat-file', '--batch-check=%(objectname) %(objectsize)'], { input })
  const large = new Map(
    sizes.stdout
      .toString()
      .split('\n')
      .map((text) => text.split(' '))
      .filter(([, size]) => Number(size) >= largeBytes)
      .map(([blob = '', size]) => [blob, Number(size)]),
  )
  const found = [...added].filter(([, blob]) => large.has(blob)).slice(0, 50)
  if (found.length === 0) return []
  const there = await git.own(repo, ['ls-tree', '-z', '--name-only', head, '--', ...found.map(([path]) => shown(path))])
  const kept = new Set(records(there.stdout))
  return found
    .filter(([path]) => kept.has(path))
    .map(([path, blob]) => ({
      id: `git:large:${shown(path)}`,
      source: 'git',
      title: `${shown(path)} was added with ${Math.round((large.get(blob) ?? 0) / 1024 / 1024)} MiB`,
      paths: [shown(path)],
      weight: 'normal',
    }))
}

/** Branches with work of their own that fell far behind the one that is checked out. */
async function behind({ git, repo, head, branch, branches }: GitView, options: GitSourceOptions): Promise<Finding[]> {
  const { farBehind = 100 } = options
  if (head === undefined || branch === undefined) return []
  const others = (await branches(mostBranches * 2)).filter(
    ({ name }) => name !== branch && !name.startsWith('loopwright/'),
  )
  const found = await Promise.all(
    others.slice(0, mostBranches).map(async ({ name, commit }): Promise<Finding[]> => {
      const args = ['rev-list', '--left-right', '--count', `${head}...${commit}`, '--']
      const counts = await git.own(repo, args, { ok: [0, 128], timeoutMs: 30_000 })
      const [missing = 0, own = 0] = counts.stdout.toString().trim().split('\t').map(Number)
      if (own === 0 || missing < farBehind) return []
      const title = `the branch ${name} is ${missing} commits behind ${branch}, with ${own} of its own`
      return [{ id: `git:behind:${name}`, source: 'git', title, weight: 'low' }]
    }),
  )
  return found.flat()
}

/** What is not committed, and what is under way. */
async function status(view: GitView, { ignored = [] }: GitSourceOptions): Promise<Finding[]> {
  const found: Finding[] = view.underWay.map((what) => ({
    id: `git:under-way:${what}`,
    source: 'git',
    title: `a ${what} is under way in the working copy`,
    weight: 'normal',
  }))
  const paths = view.head === undefined ? [] : (await view.status()).filter((path) => !ignored.includes(path))
  if (paths.length === 0) return found
  const title = paths.length === 1 ? `1 uncommitted change: ${paths[0]}` : `${paths.length} uncommitted changes`
  const id = `git:status:${digest([...paths].sort().join('\n'))}`
  return [...found, { id, source: 'git', title, body: paths.slice(0, 50).join('\n'), paths, weight: 'low' }]
}
