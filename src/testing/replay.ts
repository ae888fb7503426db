import type { JournalEvent } from '../core/event.ts'
import type { Entry, RunRecord, Store } from '../core/ports.ts'
import { Activation, defaultLimits } from '../engine/activation.ts'
import { LoopContext } from '../engine/context.ts'
import type { AnyLoop } from '../engine/define.ts'
import type { Ending } from '../engine/ending.ts'
import type { Services } from '../engine/services.ts'
import { memoryBlobs } from '../store/blobs.ts'
import { FakeClock } from './clock.ts'

/** A run and its journal, as a store has them (`Store.getRun`, `Store.read`). */
export interface RecordedRun {
  readonly run: RunRecord
  readonly events: readonly JournalEvent[]
}

export interface ReplayOutcome {
  readonly run: string
  /** How far the loop came on what is recorded; `failed` with `loop_diverged` names the step that does not fit. */
  readonly ending: Ending
  readonly ok: boolean
}

const ends = new Set([
  'run_finished',
  'run_failed',
  'run_error',
  'run_cancelled',
  'run_stopped',
  'run_paused',
  'run_suspended',
])

/**
 * Replays recorded runs on the code of a loop as it is now, without any effect: does every run still find its way? Put journals
 * of real runs into your test suite and call it after each change of the loop. A run whose code would do something that is not
 * recorded counts as fitting: it had not come further.
 *
 * @example
 * const outcomes = await replayTest(myLoop, [journal])
 * expect(outcomes.every((outcome) => outcome.ok)).toBe(true)
 */
export async function replayTest(loop: AnyLoop, journals: readonly RecordedRun[]): Promise<ReplayOutcome[]> {
  const outcomes: ReplayOutcome[] = []
  for (const journal of journals) {
    const ending = await replay(loop, journal)
    outcomes.push({ run: journal.run.id, ending, ok: ending.type !== 'failed' || !isMisfit(ending.error.code) })
  }
  return outcomes
}

function isMisfit(code: string): boolean {
  return code === 'loop_diverged' || code === 'foreign_await'
}

async function replay(loop: AnyLoop, { run, events }: RecordedRun): Promise<Ending> {
  const from = events.findLast((event) => event.kind === 'continued')?.seq ?? 1
  const history = events.filter((event) => event.seq >= from && !ends.has(event.kind))
  const clock = new FakeClock({ start: events.at(-1)?.ts ?? 0 })
  let beyond: ((ending: Ending) => void) | undefined
  const reachedEnd = new Promise<Ending>((resolve) => {
    beyond = resolve
  })
  const store = historyStore(history, () => beyond?.({ type: 'paused', reason: 'nothing more is recorded' }))
  const activation = new Activation({
    ...defaultLimits,
    store,
    clock,
    blobs: memoryBlobs(),
    redact: (text) => text,
    children: { start: async () => {}, cancel: async () => {} },
    run: { ...run, segmentSeq: from },
    epoch: 1,
    driver: 'replay',
    version: loop.version,
    body: async (branch, spec) =>
      await loop.run(
        new LoopContext({
          branch,
          services: noServices,
          run: { id: run.id, project: run.project, labels: run.labels },
        }),
        loop.parse(spec),
      ),
  })
  const ended = activation.run()
  let over: Ending | undefined
  void Promise.race([ended, reachedEnd]).then((ending) => {
    over = ending
  })
  // Everything recorded is delivered without time passing; the clock only moves for the watchdog of a loop that hangs.
  while (!over) {
    await turn()
    if (!over && idleTurns++ > quietTurns) {
      idleTurns = 0
      if (!clock.step()) break
    }
  }
  activation.revoke(new Error('the replay is over'))
  return over ?? { type: 'paused', reason: 'nothing more is recorded' }
}

let idleTurns = 0
/** Turns of the event loop in which a replay that goes on has certainly done something. */
const quietTurns = 200

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A store with this history; the first thing that is not recorded ends the replay. */
function historyStore(history: readonly JournalEvent[], onBeyond: () => void): Store {
  let seq = history.at(-1)?.seq ?? 0
  const members: Partial<Store> = {
    read: async () => [...history],
    inbox: async () => [],
    subscribe: () => () => {},
    caps: async () => ({}),
    spend: async () => ({ used: {}, spent: {} }),
    renew: async () => {},
    append: async (_id: string, _epoch: number, entries: readonly Entry[]) => {
      const news = entries.some(
        ({ event }) => !ends.has(event.kind) && event.kind !== 'run_claimed' && event.kind !== 'emitted',
      )
      if (news) {
        onBeyond()
        return await new Promise<never>(() => {})
      }
      return entries.map(({ event }) => ({ ok: true as const, event: { ...event, seq: ++seq, epoch: 1, ts: 0 } }))
    },
  }
  return members as Store
}

const unavailable = (): never => {
  throw new Error('a replay has no world')
}
const noServices: Services = {
  role: () => ({ agent: { name: 'recorded', run: unavailable }, retries: 1 }),
  workspace: unavailable,
  runCheck: unavailable,
  runCommand: unavailable,
  amounts: () => ({}),
  outputPath: () => undefined,
  hooks: {},
}
