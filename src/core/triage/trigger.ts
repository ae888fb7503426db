import type { Json, JsonObject } from '../json.ts'
import { numberOf, objectOf, textOf } from '../peek.ts'
import { oneLine, plainText } from '../plain.ts'
import { isLevel, type Level, lowerLevel } from './level.ts'

/** What stands in everything we write on a forge, so that we never answer ourselves. */
export const ourMark = '<!-- loopwright -->'

/** Branches of ours: `loopwright/` and the id of their run. */
const ourBranch = /^loopwright\/([A-Za-z0-9][A-Za-z0-9._-]{0,99})$/
/** The name of a user or an app as GitHub has them. */
const userName = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?$/
const mostText = 4000
/** Stops everything, and keeps it from beginning again while it is there. */
const pauseLabel = 'loop-pause-all'

export interface TriggerRules {
  /** Patterns that events may start, and how far each may go. */
  readonly patterns: readonly { readonly id: string; readonly level: Level }[]
  /** The label that starts a tick; with `:pattern` behind it, that pattern. */
  readonly label: string
  /** Users that need no permission of the forge's. */
  readonly users: readonly string[]
  /** Users that we are there ourselves. */
  readonly self: readonly string[]
  /** `owner/name`; events of any other repository are nothing to us. */
  readonly repository?: string | undefined
}

/** What an event asks for, by whom; `nothing` says why. */
export type Trigger =
  | {
      readonly does: 'start'
      readonly pattern: string
      readonly level: Level
      /** The id of a finding: `issue:42`. */
      readonly item?: string
      /** What they said besides, in their words. */
      readonly text?: string
      readonly by: string
    }
  | {
      readonly does: 'feedback'
      /** The branch that was reviewed, and the run whose it is. */
      readonly branch: string
      readonly run: string
      readonly item: string
      readonly text: string
      readonly by: string
    }
  /** `item` absent: everything. */
  | { readonly does: 'stop'; readonly item?: string; readonly by: string }
  | { readonly does: 'nothing'; readonly why: string }

/** Whether somebody with this permission may set anything going. */
export function mayTrigger(rules: TriggerRules, by: string, permission: string): boolean {
  return includes(rules.users, by) || permission === 'admin' || permission === 'write'
}

/** Whether the forge has to be asked what somebody may do. */
export function needsPermission(rules: TriggerRules, by: string): boolean {
  return !includes(rules.users, by)
}

/**
 * What an event of GitHub asks for. What people wrote there picks a known pattern and a level at most, and never a flag or a command;
 * who wrote it still has to be permitted. Never throws, whatever the payload is.
 */
export function triggerOf(event: string, payload: Json, rules: TriggerRules): Trigger {
  const body = objectOf(payload)
  const repository = textOf(objectOf(body.repository).full_name)
  if (rules.repository !== undefined && repository?.toLowerCase() !== rules.repository.toLowerCase()) {
    return nothing(`it is about ${repository === undefined ? 'no repository' : oneLine(repository, 80)}`)
  }
  const by = textOf(objectOf(body.sender).login) ?? ''
  if (!userName.test(by)) return nothing('nobody is named who did it')
  if (objectOf(body.sender).type === 'Bot' || by.endsWith('[bot]')) return nothing(`${by} is a bot`)
  if (includes(rules.self, by)) return nothing(`${by} is who we are there ourselves`)
  const read = Object.hasOwn(events, event) ? events[event] : undefined
  return read === undefined ? nothing(`${oneLine(event, 40)} starts nothing`) : read({ body, by, rules })
}

interface Seen {
  readonly body: JsonObject
  readonly by: string
  readonly rules: TriggerRules
}

const events: Readonly<Record<string, (seen: Seen) => Trigger>> = {
  issues: (seen) => labelled(seen, 'issue', 'issue-triage'),
  pull_request: (seen) =>
    isForeign(seen.body) && objectOf(seen.body.label).name !== pauseLabel
      ? nothing('its branch is in another repository')
      : labelled(seen, 'pull', 'pr-babysitter'),
  issue_comment: commented,
  pull_request_review: (seen) => {
    if (seen.body.action !== 'submitted') return nothing('only a new review is feedback')
    const review = objectOf(seen.body.review)
    if (review.state === 'approved') return nothing('an approval asks for nothing')
    return reviewed(seen, textOf(review.body) ?? '')
  },
  pull_request_review_comment: (seen) => {
    if (seen.body.action !== 'created') return nothing('only a new comment is feedback')
    const { body, path, line } = objectOf(seen.body.comment)
    const text = textOf(body) ?? ''
    const where = textOf(path) === undefined ? '' : `${oneLine(textOf(path) ?? '', 200)}:${numberOf(line) ?? '?'}: `
    return reviewed(seen, text === '' ? '' : `${where}${text}`)
  },
  workflow_run: ciRan,
  repository_dispatch: dispatched,
  push: pushed,
}

function labelled({ body, by, rules }: Seen, of: 'issue' | 'pull', usual: string): Trigger {
  if (body.action !== 'labeled') return nothing('only a label that is put on starts something')
  const label = textOf(objectOf(body.label).name) ?? ''
  if (label === pauseLabel) return { does: 'stop', by }
  const number = numberIn(of === 'issue' ? body.issue : body.pull_request)
  if (number === undefined) return nothing('it has no number')
  if (label === rules.label) return start({ pattern: usual, item: `${of}:${number}`, by }, rules)
  if (!label.startsWith(`${rules.label}:`)) return nothing('the label is none of ours')
  return start({ pattern: label.slice(rules.label.length + 1), item: `${of}:${number}`, by }, rules)
}

function commented({ body, by, rules }: Seen): Trigger {
  if (body.action !== 'created') return nothing('only a new comment starts something')
  const text = textOf(objectOf(body.comment).body) ?? ''
  if (text.includes(ourMark)) return nothing('we wrote this comment')
  const [first = '', ...rest] = plainText(text.slice(0, mostText * 2))
    .trimStart()
    .split('\n')
  const [name, ...words] = first.trim().split(/\s+/)
  if (name !== '/loopwright') return nothing('the comment does not begin with /loopwright')
  const number = numberIn(body.issue)
  if (number === undefined) return nothing('it has no number')
  const item = `${objectOf(body.issue).pull_request === undefined ? 'issue' : 'pull'}:${number}`
  const [pattern = '', ...more] = words
  if (pattern === 'stop' && more.length === 0) return { does: 'stop', item, by }
  const flags = more.join(' ')
  const asked = /^(?:--level[ =](\S+))?$/.exec(flags)
  if (!asked) return nothing(`only --level may follow the pattern, not ${JSON.stringify(oneLine(flags, 60))}`)
  const said = rest.join('\n').trim().slice(0, mostText)
  return start({ pattern, level: asked[1], item, by, ...(said === '' ? {} : { text: said }) }, rules)
}

function reviewed({ body, by }: Seen, text: string): Trigger {
  if (isForeign(body)) return nothing('its branch is in another repository')
  const pull = objectOf(body.pull_request)
  const branch = textOf(objectOf(pull.head).ref) ?? ''
  const run = ourBranch.exec(branch)?.[1]
  const number = numberIn(pull)
  if (run === undefined || number === undefined) return nothing('the branch is none of ours')
  if (text.includes(ourMark)) return nothing('we wrote this review')
  const said = plainText(text.slice(0, mostText * 2))
    .trim()
    .slice(0, mostText)
  if (said === '') return nothing('the review says nothing')
  return { does: 'feedback', branch, run, item: `pull:${number}`, text: said, by }
}

function ciRan({ body, by, rules }: Seen): Trigger {
  const run = objectOf(body.workflow_run)
  if (body.action !== 'completed' || run.conclusion !== 'failure') return nothing('only a run that failed is looked at')
  const from = textOf(objectOf(run.head_repository).full_name)
  if (from === undefined || from !== textOf(objectOf(body.repository).full_name)) {
    return nothing('its commit is of another repository')
  }
  const branch = textOf(run.head_branch) ?? ''
  if (ourBranch.test(branch)) return nothing('the branch is ours: the next tick of its pattern sees it')
  return start({ pattern: 'ci-sweeper', by }, rules)
}

function dispatched({ body, by, rules }: Seen): Trigger {
  if (body.action !== 'loopwright') return nothing('its event_type is not loopwright')
  const { pattern, level, item } = objectOf(body.client_payload)
  const id = textOf(item)
  if (item !== undefined && !/^[a-z]{1,20}:[A-Za-z0-9._/-]{1,120}$/.test(id ?? ''))
    return nothing('its item is no item')
  const asked = level === undefined ? undefined : (textOf(level) ?? '')
  return start({ pattern: textOf(pattern) ?? '', level: asked, ...(id === undefined ? {} : { item: id }), by }, rules)
}

function pushed({ body, by, rules }: Seen): Trigger {
  const usual = textOf(objectOf(body.repository).default_branch)
  if (usual === undefined || body.ref !== `refs/heads/${usual}`) return nothing('it is not the default branch')
  if (body.deleted === true) return nothing('the branch was deleted')
  return start({ pattern: 'post-merge-cleanup', by }, rules)
}

interface Wanted {
  readonly pattern: string
  readonly level?: string | undefined
  readonly item?: string
  readonly text?: string
  readonly by: string
}

/** Only a pattern we know is started, and never further than it is configured to go. */
function start({ pattern, level, ...rest }: Wanted, { patterns }: TriggerRules): Trigger {
  const known = patterns.find(({ id }) => id === pattern)
  if (known === undefined) {
    const ids = patterns.map(({ id }) => id).join(', ')
    return nothing(`there is no pattern ${JSON.stringify(oneLine(pattern, 60))}: ${ids === '' ? 'none is known' : ids}`)
  }
  if (level === undefined) return { does: 'start', pattern: known.id, level: known.level, ...rest }
  const asked = level.toUpperCase()
  if (!isLevel(asked)) return nothing(`there is no level ${JSON.stringify(oneLine(level, 20))}: L0, L1, L2 or L3`)
  return { does: 'start', pattern: known.id, level: lowerLevel(asked, known.level), ...rest }
}

/** True when the branch of a pull request is not in the repository itself: a fork may name its branches like ours. */
function isForeign(body: JsonObject): boolean {
  const from = textOf(objectOf(objectOf(objectOf(body.pull_request).head).repo).full_name)
  return from === undefined || from !== textOf(objectOf(body.repository).full_name)
}

function numberIn(value: Json | undefined): number | undefined {
  const number = numberOf(objectOf(value).number)
  return number !== undefined && Number.isSafeInteger(number) && number > 0 ? number : undefined
}

function includes(users: readonly string[], user: string): boolean {
  return users.some((one) => one.toLowerCase() === user.toLowerCase())
}

function nothing(why: string): Trigger {
  return { does: 'nothing', why }
}
