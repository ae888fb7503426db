import type { Json } from '../../core/json.ts'
import { listOf, numberOf, objectOf, textOf, textsOf } from '../../core/peek.ts'
import type { RunResult } from '../../core/result.ts'
import type { RunView } from '../../core/view-types.ts'
import type { ReportCheck, ReportMetric, ReportRound, ReportStage } from './facts.ts'

/** The iterations of a goal run, those that are finished and the one under way. Takes whatever it finds: never throws. */
export function goalRounds(view: RunView, result: RunResult): ReportRound[] {
  const rounds = result.history.map((item, at) => finished(view, item, at + 1))
  const known = new Set(rounds.map(({ number }) => number))
  return view.iteration > 0 && !known.has(view.iteration) ? [...rounds, current(view)] : rounds
}

/** How many checks passed in each iteration, where there are checks and more than one iteration to compare. */
export function goalMetric(rounds: readonly ReportRound[]): ReportMetric | undefined {
  const checked = rounds.filter(({ checks, state }) => checks.length > 0 && state !== 'running')
  if (checked.length < 2) return undefined
  return {
    name: 'Checks passed',
    target: Math.max(...checked.map(({ checks }) => checks.length)),
    points: checked.map(({ number, checks }) => ({
      round: number,
      value: checks.filter(({ ok }) => ok).length,
      kept: true,
    })),
  }
}

function finished(view: RunView, item: Json, place: number): ReportRound {
  const { iteration, subgoals, results, review, verification } = objectOf(item)
  const number = numberOf(iteration) ?? place
  const times = view.history.find((one) => one.iteration === number)
  const ended = new Map(listOf(results).map((one) => [textOf(objectOf(one).id) ?? '', objectOf(one)]))
  const stages = listOf(subgoals).map((one): ReportStage => {
    const { id = '', description } = objectOf(one)
    const came = ended.get(String(id))
    const error = textOf(came?.error)
    return {
      name: String(id),
      state: came === undefined ? 'skipped' : came.ok === true ? 'ok' : 'failed',
      ...(textOf(description) === undefined ? {} : { detail: textOf(description) ?? '' }),
      ...(error === undefined ? {} : { error }),
    }
  })
  const checks = listOf(verification).map(checkOf)
  const said = objectOf(review)
  const gates = said.gates_passed === true
  const complete = said.goal_complete === true
  const accepted = gates && complete && stages.every(({ state }) => state === 'ok') && checks.every(({ ok }) => ok)
  return {
    number,
    state: accepted ? 'ok' : 'failed',
    verdict: accepted ? 'accepted' : 'not accepted',
    ...(times === undefined ? {} : { startedAt: times.startedAt }),
    ...(times?.finishedAt === undefined ? {} : { endedAt: times.finishedAt }),
    stages,
    checks,
    ...(review === null || review === undefined
      ? {}
      : {
          review: {
            accepted: gates && complete,
            gates: [
              { name: 'gates passed', open: gates },
              { name: 'goal complete', open: complete },
            ],
            issues: textsOf(said.issues),
          },
        }),
  }
}

function checkOf(value: Json): ReportCheck {
  const { name, ok, exit_code, duration, error, stdout, stderr, output_path } = objectOf(value)
  const text = [textOf(stdout), textOf(stderr)].filter((part) => part !== undefined && part.trim() !== '').join('\n')
  const path = textOf(output_path)
  const said = textOf(error)
  const seconds = numberOf(duration)
  return {
    name: textOf(name) ?? 'check',
    ok: ok === true,
    exitCode: numberOf(exit_code) ?? null,
    ...(seconds === undefined ? {} : { durationMs: seconds * 1000 }),
    ...(said === undefined ? {} : { error: said }),
    ...(text === '' ? {} : { log: { text, ...(path === undefined ? {} : { path }) } }),
  }
}

const agentStates = { running: 'running', waiting: 'running', done: 'ok', failed: 'failed' } as const

/** The iteration that is not over, as the view knows it. */
function current(view: RunView): ReportRound {
  const times = view.history.find((one) => one.iteration === view.iteration)
  const running = view.status === 'running' || view.status === 'waiting' || view.status === 'queued'
  return {
    number: view.iteration,
    state: running ? 'running' : 'skipped',
    ...(running ? {} : { verdict: 'not finished' }),
    ...(times === undefined ? {} : { startedAt: times.startedAt }),
    stages: view.workers
      .filter(({ iteration }) => iteration === view.iteration)
      .map((worker) => ({
        name: worker.role,
        state: agentStates[worker.state],
        ...(worker.subgoal === undefined ? {} : { detail: worker.subgoal.description }),
        ...(worker.endedAt === undefined ? {} : { durationMs: worker.endedAt - worker.startedAt }),
        ...(worker.error === undefined ? {} : { error: worker.error }),
      })),
    checks: view.checks
      .filter(({ state }) => state !== 'running')
      .map(({ name, state, exitCode, duration, error }) => ({
        name,
        ok: state === 'passed',
        exitCode,
        ...(duration === undefined ? {} : { durationMs: duration * 1000 }),
        ...(error === undefined ? {} : { error }),
      })),
  }
}
