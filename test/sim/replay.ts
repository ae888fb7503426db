import type { Amounts } from '../../src/core/budget.ts'
import type { JournalEvent } from '../../src/core/event.ts'
import type { Entry, RunRecord, Store } from '../../src/core/ports.ts'
import { Activation } from '../../src/engine/activation.ts'
import { LoopContext } from '../../src/engine/context.ts'
import type { Ending } from '../../src/engine/ending.ts'
import { memoryBlobs } from '../../src/store/blobs.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { trackImmediates } from './immediates.ts'
import { interpret, type Node } from './program.ts'

export interface Replayed {
  readonly ending: Ending
  readonly seen: readonly string[]
  readonly problems: readonly string[]
}

const ends = new Set(['run_finished', 'run_failed', 'run_cancelled', 'run_stopped', 'run_paused', 'run_suspended'])

/**
 * Runs a finished run's program again on its complete journal, in a world where nothing may happen: no effect, no append but the
 * last. It has to see the same and end the same.
 */
export async function replay(
  run: RunRecord,
  journal: readonly JournalEvent[],
  segments: number,
  old: boolean,
  evolves: boolean,
): Promise<Replayed> {
  const immediates = trackImmediates()
  const problems: string[] = []
  const seen: string[][] = []
  const from = journal.findLast((event) => event.kind === 'continued')?.seq ?? 1
  const history = journal.filter((event) => event.seq >= from && !ends.has(event.kind))
  const clock = new FakeClock({ start: journal.at(-1)?.ts ?? 0 })
  const activation = new Activation({
    store: recordedStore(run, history, problems),
    clock,
    blobs: noBlobs,
    redact: (text) => text,
    children: { start: async () => {}, cancel: async () => {} },
    run: { ...run, segmentSeq: from },
    epoch: 1,
    driver: 'replay',
    version: old || !evolves ? '1' : '2',
    lingerMs: 0,
    watchdogMs: 1_000,
    graceMs: 60_000,
    blobChars: 1e9,
    body: async (branch) => {
      const trace: string[] = []
      seen.push(trace)
      const loop = new LoopContext({
        branch,
        services: nothing as never,
        run: { id: run.id, project: '/', labels: {} },
      })
      const value = await interpret(loop, (run.spec as unknown as { program: Node }).program, {
        trace,
        old,
        problem: (text) => problems.push(text),
        perform: async (_call, node) => {
          problems.push(`${node.id} was performed on replay`)
        },
      })
      const segment = loop.state === undefined ? 0 : (loop.state as { segment: number }).segment
      return segment + 1 < segments ? loop.continueAs({ segment: segment + 1 }) : value
    },
  })
  try {
    let ending: Ending | undefined
    activation.run().then((end) => {
      ending = end
    })
    for (let turns = 0; turns < 10_000; turns++) {
      do await immediates.tick()
      while (immediates.pending > 0)
      if (ending) return { ending, seen: seen[0] ?? [], problems }
      if (!clock.step()) break
    }
    return {
      ending: { type: 'lost', error: 'the replay hangs' },
      seen: seen[0] ?? [],
      problems: [...problems, 'the replay hangs'],
    }
  } finally {
    immediates.restore()
  }
}

const nothing = {}
const noBlobs = memoryBlobs()

/** A store that has this history and takes no further fact. */
function recordedStore(run: RunRecord, history: readonly JournalEvent[], problems: string[]): Store {
  let seq = history.at(-1)?.seq ?? 0
  const members: Partial<Store> = {
    read: async () => [...history],
    inbox: async () => [],
    subscribe: () => () => {},
    caps: async () => ({}),
    spend: async () => ({ used: {} satisfies Amounts, spent: {} }),
    renew: async () => {},
    append: async (_id: string, _epoch: number, entries: readonly Entry[]) =>
      entries.map(({ event }) => {
        if (!ends.has(event.kind) && event.kind !== 'run_claimed' && event.kind !== 'emitted') {
          problems.push(`${event.kind} was appended on replay`)
        }
        return { ok: true as const, event: { ...event, seq: ++seq, epoch: 1, ts: run.updatedAt } }
      }),
  }
  return members as Store
}
