import { userInfo } from 'node:os'
import type { App } from '../app.ts'
import { answerOf, questionList } from '../core/answers.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { oneLine } from '../core/plain.ts'
import { finalStatuses, type RunRecord } from '../core/ports.ts'
import { encodeToken } from '../core/token.ts'
import { decidedIn, escalationOf } from '../core/triage/decision.ts'
import type { AskView } from '../core/view.ts'
import { findRun } from './look.ts'
import { requirePerson } from './person.ts'

/** What somebody means to answer: a run by its id or an abbreviation, and which of its questions. */
export interface Meant {
  readonly run: string
  readonly ask?: string
}

/** A question of a run that nobody has answered yet. */
export interface OpenAsk {
  readonly run: RunRecord
  readonly ask: AskView
}

/** Who sits at this machine. */
export function personHere(): string {
  try {
    return userInfo().username || 'somebody'
  } catch {
    return 'somebody'
  }
}

/**
 * Gives answers to a question of a run, or to its open one; answers the run. Throws `conflict` when it asks nothing or was answered
 * before, and `bad_input` for answers that do not fit.
 *
 * @param given absent: yes, where that decides nothing of weight; an escalation takes only a plain word
 * @param by who answers; whoever sits at this machine by default
 */
export async function giveAnswers(
  app: App,
  meant: Meant,
  given: readonly string[] | undefined,
  by = personHere(),
): Promise<RunRecord> {
  const open = await openAsk(app, meant)
  if (escalationOf(open.ask.request) !== undefined) {
    requirePerson(app.config, 'decide what was escalated')
    if (given === undefined) {
      throw new LoopwrightError('bad_input', 'what was escalated needs a plain yes or no', {
        hint: 'ask your user, then answer "yes", or "no" with a note',
      })
    }
  }
  await answerAsk(app, open, answerOf(open.ask.request, given ?? ['yes'], by))
  return open.run
}

/** The open question that is meant; the first where a run asks several. Throws `conflict`. */
export async function openAsk(app: App, { run: id, ask: asked }: Meant): Promise<OpenAsk> {
  const run = await findRun(app, id)
  if (finalStatuses.includes(run.status)) throw nothing(run, 'it asks nothing, or this was answered')
  const { asks } = await app.view(run.id)
  const answered = await answeredAsks(app, run.id)
  const ask = asks.find((one) => (asked === undefined ? !answered.includes(one.id) : one.id === asked)) ?? asks[0]
  if (!ask || (asked !== undefined && ask.id !== asked)) throw nothing(run, 'it asks nothing, or this was answered')
  if (answered.includes(ask.id)) throw nothing(run, 'this question was answered')
  return { run, ask }
}

/** Puts the answer of a question where its run finds it. Throws `conflict` when somebody was faster, or the run is over by now. */
export async function answerAsk(app: App, { run, ask }: OpenAsk, answer: Json): Promise<void> {
  const first = await app.runs.answer(run.id, ask.id, answer)
  if (!first) throw nothing(run, 'somebody answered at the same moment')
  const now = await app.runs.get(run.id)
  if (finalStatuses.includes(now.status)) throw nothing(now, 'it ended before the answer came')
}

/** What a person decided, and whatever they say to it. */
export interface Decision {
  readonly approved: boolean
  readonly note?: string | undefined
  /** Who decided; whoever sits at this machine by default. */
  readonly by?: string
}

/**
 * Approves or denies what a run escalated; answers the run. Throws `conflict` when it asks nothing, or something that takes words, or
 * was decided before: then it says by whom.
 */
export async function decide(app: App, { run: id, ask: asked }: Meant, decision: Decision): Promise<RunRecord> {
  requirePerson(app.config, 'decide what was escalated')
  const run = await findRun(app, id)
  const open = finalStatuses.includes(run.status) ? [] : await openAsks(app, run.id)
  const fitting = asked === undefined ? open : open.filter((one) => one.id === asked)
  const escalations = fitting.filter((one) => escalationOf(one.request) !== undefined)
  const [ask, ...others] = escalations
  if (!ask) {
    const [question] = fitting
    if (question) throw wantsWords(run, question)
    throw await alreadyDecided(app, run, asked)
  }
  if (others.length > 0) {
    const tokens = escalations.map((one) => encodeToken({ run: run.id, ask: one.id }))
    throw new LoopwrightError('bad_input', `run ${run.id} asks for ${escalations.length} decisions`, {
      hint: `name one: ${tokens.join(', ')}`,
    })
  }
  const { approved, note = '', by = personHere() } = decision
  await answerAsk(app, { run, ask }, { approved, note: note.trim().slice(0, 4000), by })
  return run
}

/** The asks of a run that somebody answered and its driver has not heard of yet. */
export async function answeredAsks(app: App, id: string): Promise<string[]> {
  const signals = await app.store.inbox(id)
  return signals.flatMap(({ kind, target }) => (kind === 'answer' && target !== undefined ? [target] : []))
}

/** The questions of a run that nobody has answered yet. */
export async function openAsks(app: App, id: string): Promise<AskView[]> {
  const answered = await answeredAsks(app, id)
  return (await app.view(id)).asks.filter((ask) => !answered.includes(ask.id))
}

/** Why there is nothing to decide: what was decided before, by whom. */
async function alreadyDecided(app: App, run: RunRecord, asked: string | undefined): Promise<LoopwrightError> {
  const waiting = await app.store.inbox(run.id)
  const heard = (await app.runs.events(run.id)).flatMap((event) =>
    event.kind === 'signal_received' ? [event.signal] : [],
  )
  const last = [...heard, ...waiting]
    .filter(({ kind, target }) => kind === 'answer' && (asked === undefined || target === asked))
    .map(({ payload }) => decidedIn(payload))
    .findLast((one) => one !== undefined)
  if (last === undefined) return nothing(run, 'it asks nothing')
  const by = last.by === '' ? '' : ` by ${oneLine(last.by, 60)}`
  return nothing(run, `this was ${last.approved ? 'approved' : 'denied'}${by} already`)
}

function wantsWords(run: RunRecord, ask: AskView): LoopwrightError {
  const questions = questionList(ask.request)
  const [first] = questions
  return new LoopwrightError(
    'conflict',
    `run ${run.id} asks for words, not for yes or no: ${oneLine(first?.text ?? '', 200)}`,
    {
      hint: `loopwright answer ${run.id} ${questions.map(() => '"…"').join(' ')}`,
    },
  )
}

function nothing(run: RunRecord, why: string): LoopwrightError {
  return new LoopwrightError('conflict', `run ${run.id}: ${why}; it is ${run.status}`, {
    hint: `loopwright status ${run.id} shows how it stands`,
  })
}
