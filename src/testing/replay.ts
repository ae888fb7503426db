import type { JournalEvent } from '../core/event.ts'
import type { Blobs, Clock, Entry, RunRecord, Store } from '../core/ports.ts'
import { settingsOf } from '../core/settings.ts'
import { Activation, defaultLimits } from '../engine/activation.ts'
import { LoopContext } from '../engine/context.ts'
import type { AnyLoop } from '../engine/define.ts'
import type { Ending } from '../engine/ending.ts'
import type { Services } from '../engine/services.ts'
import { memoryBlobs } from '../store/blobs.ts'

/** A run and its journal, as a store has them (`Store.getRun`, `Store.read`). */
export interface RecordedRun {
  readonly run: RunRecord
  readonly events: readonly JournalEvent[]
  /** Where the values are that were too large for the journal; needed only when it refers to some. */
  readonly blobs?: Blobs
}

export interface ReplayOutcome {
  readonly run: string
  /** How far the loop came on what is recorded; `failed` with `loop_diverged` names the step that does not fit. */
  readonly ending: Ending
  /** False when the loop does not find its way through what is recorded, or fails where the recorded run did not. */
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
  'run_killed',
])

/**
 * Replays recorded runs on the code of a loop as it is now, without any effect: does every run still find its way? Put journals
 * of real runs into your test suite and call it after each change of the loop. A run whose code would do something that is not
 * recorded counts as fitting: it had not come further.
 *
 * @param options.retries tries after the first that the runs were made with, where their settings do not say it; 1 by default
 * @example
 * const outcomes = await replayTest(myLoop, [journal])
 * expect(outcomes.every((outcome) => outcome.ok)).toBe(true)
 */
export async function replayTest(
  loop: AnyLoop,
  journals: readonly RecordedRun[],
  options: { readonly retries?: number } = {},
): Promise<ReplayOutcome[]> {
  const outcomes: ReplayOutcome[] = []
  for (const journal of journals) {
    const ending = await replay(loop, journal, options.retries ?? 1)
    outcomes.push({ run: journal.run.id, ending, ok: isFit(ending, journal.events) })
  }
  return outcomes
}

function isFit(ending: Ending, events: readonly JournalEvent[]): boolean {
  if (ending.type === 'lost') return false
  if (ending.type !== 'failed') return true
  const { code, message } = ending.error
  if (code === 'loop_diverged' || code === 'foreign_await') return false
  return events.some((event) => event.kind === 'run_failed' && event.error.message === message)
}

/** How long a loop may wait for something that is not its context, in milliseconds. */
const watchdogMs = 1_000

async function replay(loop: AnyLoop, journal: RecordedRun, retries: number): Promise<Ending> {
  const { run, events } = journal
  const from = events.findLast((event) => event.kind === 'continued')?.seq ?? 1
  const history = events.filter((event) => event.seq >= from && !ends.has(event.kind))
  const end = Promise.withResolvers<Ending>()
  const beyond = () => end.resolve({ type: 'paused', reason: 'nothing more is recorded' })
  const activation: Activation = new Activation({
    ...defaultLimits,
    lingerMs: 0,
    watchdogMs,
    store: historyStore(history, beyond),
    clock: clockAt(events.at(-1)?.ts ?? 0),
    blobs: journal.blobs ?? memoryBlobs(),
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
          services: servicesOf(run, retries),
          run: { id: run.id, project: run.project, labels: run.labels },
          iteration: {
            get number() {
              return activation.iteration
            },
            set number(_: number) {},
          },
        }),
        loop.parse(spec),
      ),
  })
  // Whatever would be performed is not recorded, and a replay performs nothing.
  activation.effects.begin = beyond
  const ending = await Promise.race([activation.run(), end.promise])
  activation.revoke(new Error('the replay is over'))
  return ending
}

/** The recorded time stands still; only the watchdog of a loop that hangs waits in earnest. */
function clockAt(time: number): Clock {
  return {
    now: () => time,
    random: () => 0,
    after: (ms, call) => {
      const timer = setTimeout(call, Math.min(ms, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  }
}

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

/** What decides which steps a loop takes is as the run had it; the world itself is not there. */
function servicesOf(run: RunRecord, retries: number): Services {
  const settings = settingsOf(run)
  return {
    role: () => ({ agent: { name: 'recorded', run: unavailable }, retries: settings.retries ?? retries }),
    workspace: unavailable,
    runCheck: unavailable,
    runCommand: unavailable,
    amounts: () => ({}),
    outputPath: () => undefined,
    hooks: settings.hooks ?? {},
  }
}
