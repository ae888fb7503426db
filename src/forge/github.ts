import { LoopwrightError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import type { Forge, ForgePull } from '../core/triage/ports.ts'
import { createCalls, forgeError, statusOf, type Transport } from './calls.ts'
import { parseRepository } from './remote.ts'
import {
  labelsShape,
  openedShape,
  permissionShape,
  readComment,
  readIssue,
  readPull,
  readRun,
  repositoryShape,
} from './shapes.ts'

export interface GithubOptions {
  /** `owner/name` */
  readonly repository: string
  readonly clock: Clock
  /** Ends what is under way. */
  readonly signal?: AbortSignal
  /** How many pages of 100 entries a list is read; 5 by default. */
  readonly maxPages?: number
}

/** Branches that are given to a pull request; the rest of what git allows is of no use to us. */
const branchShape = /^(?![-./])(?!.*(?:\.\.|\/\/|@\{))[A-Za-z0-9._/+-]{1,200}(?<![./])$/

const userShape = /^[A-Za-z0-9][A-Za-z0-9_-]{0,60}(?:\[bot\])?$/

/** A forge over a transport. Its methods reject with `forge`, which says what GitHub said, or `bad_input`. */
export function github(options: GithubOptions, transport: Transport): Forge {
  const { owner, name } = parseRepository(options.repository)
  const ours = `${owner}/${name}`
  const { clock, signal = new AbortController().signal, maxPages = 5 } = options
  const calls = createCalls({ transport, clock, signal, maxPages })
  const base = `/repos/${owner}/${name}`

  const pulls = async (): Promise<ForgePull[]> => {
    const list = await calls.pages(`${base}/pulls`, { query: { state: 'open', sort: 'updated', direction: 'desc' } })
    return list.flatMap((one) => readPull(one, ours) ?? [])
  }
  const defaultBranch = async (): Promise<string> => {
    const { success, data } = repositoryShape.safeParse(await calls.get(base))
    if (!success) throw forgeError(`GitHub did not say what the default branch of ${ours} is`, { status: 200 })
    return data.default_branch
  }
  const openOf = async (branch: string, into: string) => {
    const query = { state: 'open', head: `${owner}:${branch}`, base: into, per_page: '1' }
    const list = await calls.get(`${base}/pulls`, query)
    return Array.isArray(list) && list.length > 0 ? opened(list[0]) : undefined
  }

  return {
    repository: ours,
    pulls,
    defaultBranch,
    async issues() {
      const list = await calls.pages(`${base}/issues`, { query: { state: 'open', sort: 'updated', direction: 'desc' } })
      return list.flatMap((one) => readIssue(one) ?? [])
    },
    async labelled(label) {
      // To GitHub a pull request is an issue too: one request sees both.
      const list = await calls.get(`${base}/issues`, { state: 'open', labels: label, per_page: '1' })
      const { success, data } = labelsShape.safeParse(list)
      if (!success) throw forgeError(`GitHub did not say what has the label ${label}`, { status: 200 })
      return data.some(({ labels }) => labels.some((one) => one.toLowerCase() === label.toLowerCase()))
    },
    async ciRuns() {
      const [main, open] = await Promise.all([defaultBranch(), pulls()])
      const path = `${base}/actions/runs`
      const [ofMain, latest] = await Promise.all([
        calls.pages(path, { query: { branch: main }, in: 'workflow_runs' }),
        calls.pages(path, { in: 'workflow_runs' }),
      ])
      const heads = new Set(open.map(({ head }) => head))
      const newest = new Map<string, ReturnType<typeof readRun> & object>()
      for (const value of [...ofMain, ...latest]) {
        const one = readRun(value, ours)
        // What a pull request from the default branch runs says nothing about that branch.
        const isMain = one?.run.branch === main && !one.event.startsWith('pull_request')
        if (one === undefined || !(isMain || heads.has(one.run.head))) continue
        const key = `${one.workflowId}\n${one.run.branch}`
        if ((newest.get(key)?.run.id ?? 0) < one.run.id) newest.set(key, one)
      }
      return [...newest.values()].map(({ run }) => run).sort((a, b) => b.id - a.id)
    },
    async comments(number) {
      checkNumber(number)
      const [said, ...ofPull] = await Promise.all([
        calls.pages(`${base}/issues/${number}/comments`, { from: 'end' }),
        ...['comments', 'reviews'].map((kind) =>
          calls.pages(`${base}/pulls/${number}/${kind}`, { from: 'end' }).catch((error) => {
            if (statusOf(error) === 404) return [] // an issue
            throw error
          }),
        ),
      ])
      const all = [said, ...ofPull].flat().flatMap((one) => readComment(one) ?? [])
      return all.sort((a, b) => a.createdAt - b.createdAt || a.id - b.id)
    },
    async permission(user) {
      if (!userShape.test(user)) return 'none'
      try {
        const value = await calls.get(`${base}/collaborators/${encodeURIComponent(user)}/permission`)
        const { success, data } = permissionShape.safeParse(value)
        return success ? permissionOf(data.role_name ?? '', data.permission) : 'none'
      } catch (error) {
        if (statusOf(error) === 404) return 'none'
        throw error
      }
    },
    async openPull({ branch, base: into, title, body, labels = [] }) {
      for (const one of [branch, into]) {
        if (!branchShape.test(one)) throw new LoopwrightError('bad_input', `not a branch: ${JSON.stringify(one)}`)
      }
      const there = await openOf(branch, into)
      if (there !== undefined) return there
      let made: { number: number; url: string }
      try {
        made = opened(
          await calls.post(`${base}/pulls`, { title, body, head: branch, base: into, maintainer_can_modify: true }),
        )
      } catch (error) {
        // Somebody else was faster, or the answer was lost.
        const found = (statusOf(error) ?? -1) === 422 || isLost(error) ? await openOf(branch, into) : undefined
        if (found === undefined) throw error
        made = found
      }
      // A pull request without its labels is better than none.
      if (labels.length > 0) await calls.post(`${base}/issues/${made.number}/labels`, { labels }).catch(() => {})
      return made
    },
    async comment(number, body) {
      checkNumber(number)
      await calls.post(`${base}/issues/${number}/comments`, { body })
    },
  }
}

function isLost(error: unknown): boolean {
  const status = statusOf(error)
  return status === 0 || (status ?? 0) >= 500
}

function opened(value: unknown): { number: number; url: string } {
  const { success, data } = openedShape.safeParse(value)
  if (!success) throw forgeError('GitHub did not say which pull request it opened', { status: 200 })
  return { number: data.number, url: data.html_url }
}

function checkNumber(number: number): void {
  if (!Number.isSafeInteger(number) || number <= 0) {
    throw new LoopwrightError('bad_input', `not the number of an issue or pull request: ${number}`)
  }
}

/** Roles that an organisation made itself come with the standard one they stand on. */
function permissionOf(role: string, permission: string): 'admin' | 'write' | 'triage' | 'read' | 'none' {
  for (const word of [role, permission]) {
    if (word === 'maintain') return 'write'
    if (word === 'admin' || word === 'write' || word === 'triage' || word === 'read' || word === 'none') return word
  }
  return 'none'
}
