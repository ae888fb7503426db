import { oneLine } from '../../core/plain.ts'
import type { Forge, ForgeComment } from '../../core/triage/ports.ts'
import type { Revision, TickResult } from '../../core/triage/tick.ts'
import { ourMark } from '../../core/triage/trigger.ts'
import { proposedBranch } from './memory.ts'

/** Of how many pull requests the comments are read, by three requests each. */
const mostPulls = 10
const mostSaid = 4000

/** What people want changed about a pull request of ours. */
export interface Reviewed {
  readonly revision: Revision
  /** What they say; empty where only `asked` wants it changed. */
  readonly said: string
}

/**
 * Which of these pull requests, by item, people who may write have reviewed since we last heard them. A pull request that is not open any
 * more, or whose branch somebody else has moved on, is left to them. `asked` is the item that somebody asked for by an event.
 */
export async function reviewsOf(
  forge: Pick<Forge, 'pulls' | 'comments' | 'permission'>,
  proposed: ReadonlyMap<string, TickResult>,
  asked: string | undefined,
): Promise<ReadonlyMap<string, Reviewed>> {
  const found = new Map<string, Reviewed>()
  if (proposed.size === 0) return found
  const pulls = await forge.pulls()
  const known = new Map<string, boolean>()
  const mayWrite = async (user: string) => {
    const may = known.get(user) ?? ['admin', 'write'].includes(await forge.permission(user))
    known.set(user, may)
    return may
  }
  for (const [item, result] of [...proposed].slice(-mostPulls)) {
    const { url = '', change, revises } = result
    const branch = proposedBranch(result)
    const commit = change?.commit
    const pull = pulls.find(
      (one) => one.branch === branch && one.head === commit && url.endsWith(`/pull/${one.number}`),
    )
    if (pull === undefined || commit === undefined) continue
    const comments = await forge.comments(pull.number)
    const heard = revises?.heard ?? 0
    const fresh: ForgeComment[] = []
    for (const one of comments.filter((comment) => comment.createdAt > heard && isReview(comment)))
      if (await mayWrite(one.author)) fresh.push(one)
    if (fresh.length === 0 && asked !== item) continue
    found.set(item, {
      revision: { branch, commit, url, heard: Math.max(heard, ...comments.map(({ createdAt }) => createdAt)) },
      said: fresh.map(saidBy).join('\n\n').slice(0, mostSaid),
    })
  }
  return found
}

/** A review that wants something, of a person; what we wrote is none. */
function isReview({ author, body, path, url, approves }: ForgeComment): boolean {
  if (author.endsWith('[bot]') || body.includes(ourMark) || approves === true) return false
  return path !== undefined || url.includes('pullrequestreview')
}

function saidBy({ author, body, path, line }: ForgeComment): string {
  const where = path === undefined ? '' : `, ${oneLine(path, 300)}${line === undefined ? '' : `:${line}`}`
  return `${author}${where}:\n${body.slice(0, 2000)}`
}
