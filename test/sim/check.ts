import type { JournalEvent } from '../../src/core/event.ts'
import type { RunRecord } from '../../src/core/ports.ts'
import { generate } from './generate.ts'
import { expected, type Scenario } from './program.ts'
import { replay } from './replay.ts'
import { Deadlock, type Fault, type Outcome, simulate } from './simulate.ts'

export interface Failure {
  readonly seed: number
  readonly fault: Fault | undefined
  readonly problem: string
}

const hows = ['before', 'after', 'hang'] as const

/**
 * Plays the scenario of a seed undisturbed, then with a fault at every append (or at `most` of them, spread evenly), and holds
 * each outcome against the rules of the kernel, against its own replay, and, where timing cannot matter, against the result the
 * program must have.
 */
export async function check(
  seed: number,
  most = Number.POSITIVE_INFINITY,
): Promise<{ failures: Failure[]; plays: number }> {
  const scenario = generate(seed)
  const failures: Failure[] = []
  const base = await tryPlay(scenario, undefined, failures)
  if (!base) return { failures, plays: 1 }
  const faults: Fault[] = []
  for (let at = 1; at <= base.appends; at++)
    for (const how of hows) {
      // Old code that wakes up on a journal of newer code diverges, rightly.
      if (how !== 'hang' || !scenario.evolves) faults.push({ at, how })
    }
  const stride = Math.max(1, Math.ceil(faults.length / most))
  let plays = 1
  for (let i = seed % stride; i < faults.length; i += stride) {
    plays++
    await tryPlay(scenario, faults[i], failures)
    if (failures.length > 0) break
  }
  return { failures, plays }
}

/** One scenario with one fault; what is wrong with it goes into `failures`. */
export async function tryPlay(
  scenario: Scenario,
  fault: Fault | undefined,
  failures: Failure[],
): Promise<Outcome | undefined> {
  const fail = (problem: string) => failures.push({ seed: scenario.seed, fault, problem })
  try {
    const outcome = await simulate(scenario, fault)
    for (const problem of outcome.problems) fail(problem)
    for (const problem of await judge(scenario, outcome)) fail(problem)
    return outcome
  } catch (error) {
    if (error instanceof Deadlock) for (const problem of error.problems) fail(problem)
    else fail(`the simulation broke: ${error instanceof Error ? error.stack : String(error)}`)
    return undefined
  }
}

async function judge(scenario: Scenario, outcome: Outcome): Promise<string[]> {
  const problems: string[] = []
  const { run } = outcome
  if (!['done', 'cancelled'].includes(run.status)) problems.push(`the run ended ${run.status}: ${run.reason}`)
  if (scenario.cancelAt === undefined && run.status === 'cancelled') problems.push('cancelled, but nobody asked for it')
  if (scenario.timeless) {
    const iteration = { number: 0 }
    let wanted: unknown
    for (let segment = 0; segment < scenario.segments; segment++) wanted = expected(scenario.program, iteration)
    if (JSON.stringify(wanted) !== JSON.stringify(run.result)) {
      problems.push(`the result is ${JSON.stringify(run.result)}, not ${JSON.stringify(wanted)}`)
    }
  }
  for (const one of outcome.runs) {
    const journal = outcome.journals.get(one.id) ?? []
    problems.push(...judgeJournal(journal).map((problem) => `${one.id}: ${problem}`))
    problems.push(...judgeTraces(outcome, one.id))
    const money = outcome.spend.get(one.id)
    if (money?.cap !== undefined && money.spent > money.cap)
      problems.push(`${one.id}: spent ${money.spent} of ${money.cap}`)
    problems.push(
      ...judgeLedger(
        journal,
        money?.spent ?? 0,
        outcome.runs.some((r) => r.parent?.run === one.id),
      ).map((p) => `${one.id}: ${p}`),
    )
    if (one.parent && !['done', 'failed', 'cancelled', 'stopped'].includes(one.status) && run.status === 'done') {
      const settledParent = outcome.journals
        .get(one.parent.run)
        ?.some((e) => e.kind === 'signal_received' && e.signal.target === one.id)
      if (settledParent) problems.push(`${one.id} is ${one.status} though its parent has its end`)
    }
    problems.push(...judgeChild(outcome, one))
    if (one.status !== 'done' && one.status !== 'cancelled') continue
    const last = outcome.traces.get(one.id)?.at(-1)
    const again = await replay(one, journal, one.parent ? 1 : scenario.segments, last?.old ?? false, scenario.evolves)
    problems.push(...again.problems.map((problem) => `${one.id}: ${problem}`))
    if (JSON.stringify(again.seen) !== JSON.stringify(last?.seen)) {
      problems.push(`${one.id}: a replay sees ${JSON.stringify(again.seen)}, the run saw ${JSON.stringify(last?.seen)}`)
    }
    const type = one.status === 'done' ? 'finished' : 'cancelled'
    if (again.ending.type !== type) problems.push(`${one.id}: a replay ends ${JSON.stringify(again.ending)}`)
  }
  return problems
}

/** A child does not work on when its parent is over. */
function judgeChild(outcome: Outcome, child: RunRecord): string[] {
  if (!child.parent) return []
  const end = outcome.journals.get(child.parent.run)?.find((event) => overs.has(event.kind))
  if (!end) return []
  // What was told to end takes a moment, and so does the telling.
  const late = outcome.performed.find((one) => one.run === child.id && one.at > end.ts + 5 && one.node.op !== 'finally')
  return late ? [`${child.id}: ${late.node.id} was begun after the parent was over`] : []
}

const overs = new Set(['run_finished', 'run_cancelled', 'run_failed'])

/** What an activation saw is what the next one sees first: nothing was acknowledged that was not kept. */
function judgeTraces(outcome: Outcome, run: string): string[] {
  const traces = outcome.traces.get(run) ?? []
  const problems: string[] = []
  for (let i = 1; i < traces.length; i++) {
    const [before, after] = [traces[i - 1], traces[i]]
    if (!before || !after || before.segment !== after.segment || before.old !== after.old) continue
    const shared = Math.min(before.seen.length, after.seen.length)
    for (let at = 0; at < shared; at++) {
      if (before.seen[at] === after.seen[at]) continue
      problems.push(`${run}: activation ${i} saw ${before.seen[at]} where activation ${i + 1} saw ${after.seen[at]}`)
      break
    }
  }
  const last = traces.at(-1)
  for (const trace of traces) {
    if (last && trace.segment === last.segment && trace.old === last.old && trace.seen.length > last.seen.length) {
      problems.push(`${run}: an activation saw more than the last one`)
    }
  }
  return problems
}

function judgeJournal(journal: readonly JournalEvent[]): string[] {
  const problems: string[] = []
  const signals = new Set<string>()
  let epoch = 0
  let ended: string | undefined
  journal.forEach((event, i) => {
    if (event.seq !== i + 1) problems.push(`seq ${event.seq} at place ${i + 1}`)
    if (event.epoch < epoch) problems.push(`an event of epoch ${event.epoch} after one of epoch ${epoch}`)
    epoch = Math.max(epoch, event.epoch)
    if (ended) problems.push(`${event.kind} after ${ended}`)
    if (event.kind === 'run_finished' || event.kind === 'run_cancelled' || event.kind === 'run_killed')
      ended = event.kind
    const signal = event.kind === 'signal_received' ? event.signal.id : 'signalId' in event ? event.signalId : undefined
    if (signal !== undefined) {
      if (signals.has(signal)) problems.push(`signal ${signal} was received twice`)
      signals.add(signal)
    }
  })
  for (const kind of [
    'iteration_started',
    'timer_fired',
    'timer_set',
    'ask_opened',
    'child_started',
    'emitted',
  ] as const) {
    const keys = journal.filter((event) => event.kind === kind).map((event) => ('key' in event ? event.key : ''))
    if (new Set(keys).size !== keys.length) problems.push(`${kind} twice for one key`)
  }
  const attempts = new Map<string, number>()
  for (const event of journal) {
    if (event.kind !== 'step_started') continue
    const before = attempts.get(event.key) ?? 0
    if (event.attempt !== before + 1) problems.push(`attempt ${event.attempt} of ${event.key} after ${before}`)
    attempts.set(event.key, event.attempt)
  }
  return problems
}

/** What the journal says was used is what the ledger holds. */
function judgeLedger(journal: readonly JournalEvent[], spent: number, hasChildren: boolean): string[] {
  if (hasChildren) return []
  const settled = new Map<string, number>()
  for (const event of journal) {
    if (event.kind === 'step_settled' || event.kind === 'step_aborted') {
      if (event.usage?.tokens !== undefined) settled.set(`${event.key} ${event.attempt}`, event.usage.tokens)
    }
  }
  const sum = [...settled.values()].reduce((a, b) => a + b, 0)
  return sum === spent ? [] : [`the journal settles ${sum} tokens, the ledger ${spent}`]
}
