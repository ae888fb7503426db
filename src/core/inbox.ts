import { questionList } from './answers.ts'
import type { Json } from './json.ts'
import { oneLine } from './plain.ts'
import { encodeToken } from './token.ts'
import { escalationOf } from './triage/decision.ts'
import type { RunView } from './view-types.ts'
import type { Shown } from './where.ts'

/** A run that may wait for a person: its row as people see it, its view, and the asks somebody has answered since. */
export interface InboxEntry {
  readonly run: Shown
  readonly view: RunView
  readonly answered: readonly string[]
}

/** One thing a person is asked. Times are seconds since 1970. */
export interface InboxItem {
  readonly run_id: string
  /** What the answer goes to. */
  readonly token: string
  /** `escalation` takes yes or no; a `question` takes words. */
  readonly kind: 'escalation' | 'question'
  readonly status: string
  readonly loop: string
  readonly project: string
  readonly title: string
  readonly reason: string | null
  readonly pattern: string | null
  readonly item: string | null
  readonly files: readonly string[]
  readonly branch: string | null
  readonly questions: readonly string[]
  readonly waiting_since: number
  /** Seconds. */
  readonly age: number
  /** Somebody answered, and nobody has gone on with the run yet. */
  readonly answered: boolean
  /** What to type. */
  readonly commands: readonly string[]
}

/** What people are asked by these runs, what waits longest first. `now`: milliseconds since 1970. */
export function inboxItems(entries: readonly InboxEntry[], now: number): InboxItem[] {
  return entries
    .flatMap((entry) => entry.view.asks.map((ask) => itemOf(entry, ask, now)))
    .sort((a, b) => a.waiting_since - b.waiting_since || (a.token < b.token ? -1 : 1))
}

function itemOf(entry: InboxEntry, ask: { readonly id: string; readonly request: Json }, now: number): InboxItem {
  const { run, view, answered } = entry
  const token = encodeToken({ run: run.id, ask: ask.id })
  const escalation = escalationOf(ask.request)
  const questions = questionList(ask.request).map(({ text }) => oneLine(text, 400))
  const branch = escalation?.branch || view.workspace?.branch
  // A run that asks one thing is named by its id: that is easier to read and to type.
  const name = view.asks.length === 1 ? run.id : token
  const done = answered.includes(ask.id)
  return {
    run_id: run.id,
    token,
    kind: escalation === undefined ? 'question' : 'escalation',
    status: run.status,
    loop: run.loop,
    project: run.project,
    title: oneLine(escalation?.title || questions[0] || view.goal || run.loop, 200),
    reason: escalation?.reason ? oneLine(escalation.reason, 400) : null,
    pattern: escalation?.pattern || null,
    item: escalation?.item || null,
    files: escalation?.files ?? [],
    branch: branch === undefined || branch === '' ? null : branch,
    questions,
    waiting_since: view.updatedAt / 1000,
    age: Math.max(0, now - view.updatedAt) / 1000,
    answered: done,
    commands: done ? [`loopwright resume ${run.id}`] : commandsFor(name, run.id, escalation !== undefined, questions),
  }
}

function commandsFor(name: string, run: string, decides: boolean, questions: readonly string[]): string[] {
  if (!decides) return [`loopwright answer ${name} ${questions.map(() => '"…"').join(' ')}`]
  return [`loopwright diff ${run}`, `loopwright approve ${name}`, `loopwright deny ${name} --note "…"`]
}
