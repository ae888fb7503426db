import type { Clock } from '../core/ports.ts'
import type { Finding } from '../core/triage/finding.ts'
import type { Forge, ForgeCiRun, ForgeComment, ForgeIssue, ForgePull, Source } from '../core/triage/ports.ts'
import { source } from './look.ts'

/** A forge, or why there is none. */
export type ForgeOrWhy = { readonly forge: Forge } | { readonly why: string }

const day = 24 * 3_600_000
const mostBody = 4000

/** Open issues: what nobody labelled yet, bugs, and the rest. */
export function issuesSource(place: ForgeOrWhy): Source {
  return source('issues', async () => {
    if ('why' in place) return place
    return { findings: (await place.forge.issues()).map(issueFinding) }
  })
}

function issueFinding(issue: ForgeIssue): Finding {
  const marked = (words: RegExp) => issue.labels.some((label) => words.test(label))
  // The label that pauses every loop must not fall off the end of a long list.
  const urgent = marked(/^loop-pause-all$|security|critical|urgent|regression|\bp0\b|\bp1\b|blocker/i)
  const low = issue.labels.length > 0 && !marked(/bug|defect|crash/i)
  return {
    id: `issue:${issue.number}`,
    source: 'issues',
    title: `#${issue.number} ${issue.title}${issue.labels.length === 0 ? ' (no label)' : ''}`,
    ...(issue.body === '' ? {} : { body: issue.body.slice(0, mostBody) }),
    ...common(issue),
    labels: issue.labels,
    weight: urgent ? 'high' : low ? 'low' : 'normal',
  }
}

/** Failing workflows of the default branch. */
export function ciSource(place: ForgeOrWhy): Source {
  return source('ci', async () => {
    if ('why' in place) return place
    const [runs, main] = await Promise.all([place.forge.ciRuns(), place.forge.defaultBranch()])
    const failing = runs.filter(({ branch, conclusion }) => branch === main && conclusion === 'failure')
    return {
      findings: failing.map((run) => ({
        id: `ci:${run.branch}/${run.workflow}`,
        source: 'ci',
        title: `${run.workflow} fails on ${run.branch} at ${run.head.slice(0, 10)}`,
        ...common(run),
        weight: 'high',
      })),
    }
  })
}

export interface PullsOptions {
  readonly clock: Clock
  /** Days without news after which a pull request is stale; 7 by default. */
  readonly staleDays?: number
  /** Of how many pull requests, the newest first, the comments are read, by three requests each; 10 by default. */
  readonly readComments?: number
}

/** Open pull requests that somebody has to move: failing checks, reviews without an answer, no news for a week. */
export function pullsSource(place: ForgeOrWhy, options: PullsOptions): Source {
  const { clock, staleDays = 7, readComments = 10 } = options
  return source('pulls', async (signal) => {
    if ('why' in place) return place
    const { forge } = place
    const pulls = await forge.pulls()
    if (pulls.length === 0) return { findings: [] }
    const runs = await forge.ciRuns()
    const waiting = new Map<number, ForgeComment>()
    for (const pull of pulls.filter(({ draft }) => !draft).slice(0, readComments)) {
      signal.throwIfAborted()
      const review = unanswered(pull, await forge.comments(pull.number))
      if (review !== undefined) waiting.set(pull.number, review)
    }
    return {
      findings: pulls.flatMap((pull) =>
        pullFinding(pull, runs, waiting.get(pull.number), clock.now() - staleDays * day),
      ),
    }
  })
}

/** The last word, when it is a review and not the author's. */
function unanswered(pull: ForgePull, comments: readonly ForgeComment[]): ForgeComment | undefined {
  const people = comments.filter(({ author }) => !author.endsWith('[bot]'))
  const last = people.at(-1)
  const isReview = last !== undefined && (last.path !== undefined || last.url.includes('pullrequestreview'))
  return isReview && last.author !== pull.author ? last : undefined
}

function pullFinding(
  pull: ForgePull,
  runs: readonly ForgeCiRun[],
  review: ForgeComment | undefined,
  staleBefore: number,
): Finding[] {
  const failing = runs.filter(({ head, conclusion }) => head === pull.head && conclusion === 'failure')
  const stale = !pull.draft && pull.updatedAt > 0 && pull.updatedAt < staleBefore
  const reasons = [
    ...(failing.length === 0 ? [] : [`failing: ${[...new Set(failing.map(({ workflow }) => workflow))].join(', ')}`]),
    ...(review === undefined ? [] : [`a review by ${review.author} has no answer`]),
    ...(pull.labels.includes('loop-pause-all') ? ['it pauses every loop'] : []),
    ...(stale ? [`no news since ${new Date(pull.updatedAt).toISOString().slice(0, 10)}`] : []),
  ]
  if (reasons.length === 0) return []
  const said = review === undefined ? '' : `${review.path === undefined ? '' : `${review.path}: `}${review.body}\n\n`
  return [
    {
      id: `pull:${pull.number}`,
      source: 'pulls',
      title: `#${pull.number} ${pull.title.slice(0, 120)}: ${reasons.join('; ')}`,
      body: `${said}${pull.body}`.slice(0, mostBody),
      ...common(pull),
      labels: pull.labels,
      weight: pull.labels.includes('loop-pause-all')
        ? 'high'
        : failing.length > 0 || review !== undefined
          ? 'normal'
          : 'low',
    },
  ]
}

function common(thing: { url: string; author?: string; updatedAt: number }) {
  return {
    ...(thing.url === '' ? {} : { url: thing.url }),
    ...(thing.author === undefined ? {} : { author: thing.author }),
    ...(thing.updatedAt > 0 ? { at: thing.updatedAt } : {}),
  }
}
