import { openApp } from './compose.ts'
import { environment } from './config/process-environment.ts'
import { questionList } from './core/answers.ts'
import type { Caps } from './core/budget.ts'
import { type BudgetSettings, capsOf, toCaps } from './core/caps.ts'
import type { JournalEvent } from './core/event.ts'
import type { Json } from './core/json.ts'
import type { Agent } from './core/ports.ts'
import type { RunResult } from './core/result.ts'
import type { RunSettings } from './core/settings.ts'
import type { GoalInput } from './core/spec/goal.ts'
import { parseGoal } from './core/spec/loop.ts'
import { decisionOf, escalationOf } from './core/triage/decision.ts'
import type { LoopDefinition } from './engine/define.ts'

/** How a person is asked: questions in, one answer each out. Without it a run that asks waits, and `result` says so. */
export type AskPerson = (questions: readonly string[]) => readonly string[] | Promise<readonly string[]>

interface Common {
  /**
   * A name for the run: letters, digits, `.`, `-` and `_`. The same id again is the same run: it goes on where it was, one that a
   * guard stopped with the budget given now. Default: made from the time and a random part.
   */
  readonly id?: string
  /** The directory the run is about; default: the current one. */
  readonly cwd?: string
  /** Where state is kept; default as for the command line (LOOPWRIGHT_HOME …). */
  readonly home?: string
  /** Hears every event of the run's journal. What it throws is ignored: no observer ends a run. */
  readonly onEvent?: (event: JournalEvent) => void
  readonly ask?: AskPerson
  /** Aborting it interrupts the run; it can be resumed. */
  readonly signal?: AbortSignal
  readonly labels?: Readonly<Record<string, string>>
}

/** How a run may stand that is taken up again by its id. */
const resumable: readonly string[] = ['stopped', 'paused', 'failed']

/** A goal run: the fields of a goal file, and an agent by name or made in code. */
export type StartGoalRun = Omit<Common, 'ask'> &
  Omit<GoalInput, 'agent' | 'kind' | 'ask'> & {
    readonly agent?: string | Agent
    /** Whom to ask what is unclear; `true`: the run waits with its questions. */
    readonly ask?: AskPerson | boolean
  }

/** A run of a loop of your own. */
export type StartLoopRun<Spec, Result> = Common & {
  readonly loop: LoopDefinition<Spec, Result>
  readonly spec?: Spec
  readonly agent?: string | Agent
  /** As in a goal file: seconds, US dollars, whole numbers. */
  readonly budget?: BudgetSettings
  readonly settings?: Omit<RunSettings, 'agent'>
}

export interface RunHandle {
  readonly id: string
  /** Resolves when the run is over, stopped by a guard, paused, or waits for a person nobody can ask. Rejects with the store's errors. */
  result(): Promise<RunResult>
  /** The first answer counts; false for one that came later. */
  answer(ask: string, answer: Json): Promise<boolean>
  send(name: string, payload: Json): Promise<void>
  stop(reason?: string): Promise<void>
  cancel(reason?: string): Promise<void>
}

/**
 * Starts a run in this process and drives it. With the `id` of a run that is there already, goes on with that one.
 *
 * @example
 * const run = await startRun({ goal: 'make the tests pass', agent: 'claude-code', verify: ['npm test'] })
 * const { completed, final_output } = await run.result()
 */
export async function startRun<Spec, Result>(request: StartGoalRun | StartLoopRun<Spec, Result>): Promise<RunHandle> {
  const env = { ...environment(), ...(request.home === undefined ? {} : { LOOPWRIGHT_HOME: request.home }) }
  const own = typeof request.agent === 'object' ? request.agent : undefined
  const agent = typeof request.agent === 'object' ? request.agent.name : request.agent
  const app = await openApp({
    cwd: request.cwd ?? process.cwd(),
    env,
    ...(own ? { agents: { [own.name]: own } } : {}),
    ...('loop' in request ? { loops: [request.loop] } : {}),
  })
  const ended = new AbortController()
  try {
    const run = 'loop' in request ? await startLoop(request) : await startGoal(request)
    if (resumable.includes(run.status)) await app.runs.reopen(run.id, run.status === 'stopped' ? capsNow() : {})
    const watching = request.onEvent ? observe(run.id, request.onEvent) : undefined
    const driving = drive(run.id).finally(async () => {
      ended.abort()
      await watching
      await app.close()
    })
    // Whoever does not ask for the result does not want a crash for it either.
    driving.catch(() => {})
    return {
      id: run.id,
      result: () => driving,
      answer: (ask, answer) => app.runs.answer(run.id, ask, answer),
      send: (name, payload) => app.runs.send(run.id, name, payload),
      stop: (reason) => app.runs.stop(run.id, reason),
      cancel: (reason) => app.runs.cancel(run.id, reason),
    }
  } catch (error) {
    await app.close()
    throw error
  }

  async function startGoal(goal: StartGoalRun) {
    const { cwd: _cwd, home: _home, onEvent: _event, ask, signal: _signal, labels, agent: _agent, id, ...input } = goal
    const named = agent === undefined ? {} : { agent }
    const spec = parseGoal({ ...input, ...named, ...(ask ? { ask: true } : {}) })
    return await app.start({ spec, ...(labels ? { labels } : {}), ...(id === undefined ? {} : { id }) })
  }

  async function startLoop(given: StartLoopRun<Spec, Result>) {
    const settings = { ...given.settings, ...(agent === undefined ? {} : { agent }) }
    return await app.runs.start({
      loop: given.loop.name,
      spec: given.spec ?? {},
      project: given.cwd ?? process.cwd(),
      caps: toCaps(given.budget ?? {}),
      meta: { settings: JSON.parse(JSON.stringify(settings)) },
      ...(given.labels ? { labels: given.labels } : {}),
      ...(given.id === undefined ? {} : { id: given.id }),
    })
  }

  /** The caps asked for this time. */
  function capsNow(): Caps {
    return 'loop' in request
      ? toCaps(request.budget ?? {})
      : capsOf(parseGoal({ goal: request.goal, budget: request.budget ?? {} }))
  }

  async function drive(id: string): Promise<RunResult> {
    const options = request.signal ? { signal: request.signal } : {}
    const person = typeof request.ask === 'function' ? request.ask : undefined
    for (;;) {
      const run = await app.runs.drive(id, options)
      const open = run.status === 'waiting' && person ? (await app.view(id)).asks : []
      if (open.length === 0) return await app.result(id)
      for (const ask of open) {
        const answers = (await person?.(questionList(ask.request).map(({ text }) => text))) ?? []
        const decides = escalationOf(ask.request) !== undefined
        const answer = decides ? decisionOf(answers, 'the program') : { answers: [...answers] }
        await app.runs.answer(id, ask.id, answer)
      }
    }
  }

  async function observe(id: string, onEvent: (event: JournalEvent) => void): Promise<void> {
    let heard = 0
    const hear = (event: JournalEvent) => {
      heard = event.seq
      try {
        onEvent(event)
      } catch {
        // An observer never ends a run.
      }
    }
    for await (const event of app.runs.watch(id, { signal: ended.signal, untilFinal: true })) hear(event)
    // The drive may be over before the last events were looked at.
    for (const event of await app.runs.events(id, { from: heard + 1 })) hear(event)
  }
}
