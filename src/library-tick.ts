import { systemClock } from './clock.ts'
import { dayScope } from './compose/triage/days.ts'
import { type TickFiles, tickDesk } from './compose/triage/desk.ts'
import { held } from './compose/triage/held.ts'
import { tickResultOf } from './compose/triage/memory.ts'
import { LoopwrightError, messageOf } from './core/errors.ts'
import type { Agent, CheckResult, Clock, MemoryFiles, RunRecord, Store, Workspaces } from './core/ports.ts'
import { usageAmounts } from './core/price.ts'
import { createRedact } from './core/redact.ts'
import { parseTriage } from './core/spec/loop.ts'
import type { TriageSpec } from './core/spec/triage.ts'
import { escalationOf } from './core/triage/decision.ts'
import type { Finding } from './core/triage/finding.ts'
import type { GatePolicy } from './core/triage/gate.ts'
import type { Plan } from './core/triage/plan.ts'
import { tickLines } from './core/triage/text.ts'
import type { EscalationRequest, TickResult } from './core/triage/tick.ts'
import { emptyView, fold } from './core/view.ts'
import { Runs } from './engine/runs.ts'
import type { Services } from './engine/services.ts'
import { defaultGate } from './formats/triage/gate.ts'
import { triage } from './loops/triage.ts'
import { memoryBlobs } from './store/blobs.ts'
import { memoryStore } from './store/memory.ts'
import { memoryWorkspaces } from './workspace/memory.ts'

/** A check of a change: true, or why not. `files` is there where the workspace is in memory; else the change is at `path`. */
export type TickCheck = (place: {
  readonly path: string
  readonly files?: MemoryFiles
}) => boolean | string | Promise<boolean | string>

export interface TickOptions {
  /** Who triages, implements and verifies; `request.role` says which. */
  readonly agent: Agent
  /** What there is to do. */
  readonly findings?: readonly Finding[]
  /** Where runs are kept; given again, a later tick knows the earlier ones: tries, what waits, the day's tokens. Default: in memory, for this tick. */
  readonly store?: Store
  /** What ticks write down; given again, a later tick's triager reads what the earlier ones noted. */
  readonly state?: MemoryState
  /** Tokens of the pattern per UTC day, in place of the plan's; 0: no cap. */
  readonly budget?: { readonly tokens?: number }
  /** The project, where it is in memory: texts by path. */
  readonly files?: Readonly<Record<string, string>>
  /** Where changes are made instead, and the project in it (absolute). */
  readonly workspaces?: Workspaces
  readonly project?: string
  /** What a change must pass, by name. */
  readonly checks?: Readonly<Record<string, TickCheck>>
  /** Over the default gate. */
  readonly gate?: Partial<GatePolicy>
  readonly dryRun?: boolean
  /** The only finding it may act on; earlier tries do not count against it. */
  readonly item?: string
  /** Opens a pull request for a change that was let through; without it the branch is kept. */
  readonly propose?: (result: TickResult) => Promise<{ readonly url: string }>
  /** Decides about what is escalated; without it the tick is over with `escalated`, and its item waits. */
  readonly ask?: (
    request: EscalationRequest,
  ) => Promise<{ readonly approved: boolean; readonly note?: string; readonly by?: string }>
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

/** What ticks wrote down, in memory. */
export interface MemoryState {
  readonly results: readonly TickResult[]
  /** A line in it that holds `loop-pause-all` pauses every tick that is given this state. */
  note: string
  add(result: TickResult): void
}

/** Keeps what ticks write down in memory. */
export function memoryState(): MemoryState {
  const results: TickResult[] = []
  return { results, note: '', add: (result) => void results.push(result) }
}

const busy = new WeakMap<Store, Set<string>>()
const shownTicks = 20

/**
 * Makes one tick of a plan with no disk, no network and no process: whatever it does to the world goes through what it is given.
 * The same run of the same loop as on the command line, with its levels, gates and budget. Rejects with `conflict` while another
 * tick of the pattern works on the same store, or when a guard ended the run without a result; with `killed` while the store's kill
 * switch is on; with `bad_input` for bad options.
 *
 * @example
 * const plan = buildPlan(pattern, { level: 'L2' })
 * const { decision, outcome } = await tick(plan, { agent: scripted(), findings })
 */
export async function tick(plan: Plan, options: TickOptions): Promise<TickResult> {
  const clock = options.clock ?? systemClock
  const store = options.store ?? memoryStore({ now: () => clock.now() })
  const taken = busy.get(store) ?? new Set<string>()
  busy.set(store, taken)
  const { id } = plan.pattern
  if (taken.has(id)) throw new LoopwrightError('conflict', `a tick of ${id} is under way on this store`)
  taken.add(id)
  try {
    return await play(plan, options, store, clock)
  } finally {
    taken.delete(id)
  }
}

async function play(plan: Plan, options: TickOptions, store: Store, clock: Clock): Promise<TickResult> {
  const spec = specOf(plan, options)
  const tokens = options.budget?.tokens ?? plan.dailyTokenCap
  const scope = spec.dryRun
    ? `rehearsal:${spec.root}:${plan.pattern.id}`
    : dayScope(spec.root, plan.pattern.id, clock.now())
  await store.setCaps(scope, tokens > 0 ? { tokens } : {})
  const runs = new Runs({
    store,
    clock,
    blobs: memoryBlobs(),
    redact: createRedact(),
    drivers: { self: { id: 'library', host: 'here', pid: 0, started: '' }, isAlive: () => true, end: async () => {} },
    limits: { lingerMs: 0 },
    loops: [triage],
    servicesOf: servicesWith({ options, spec, store, clock }),
  })
  const run = await runs.start({
    loop: 'triage',
    spec,
    project: spec.root,
    labels: { pattern: plan.pattern.id, ...(spec.dryRun ? {} : { triage: spec.root }) },
    scopes: ['all', scope],
  })
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  for (;;) {
    const now = await runs.drive(run.id, signal)
    const { asks } = fold(emptyView(now), await store.read(run.id))
    const [open] = now.status === 'waiting' ? asks : []
    const request = open === undefined ? undefined : escalationOf(open.request)
    if (open === undefined || request === undefined || options.ask === undefined) return resultOf(now)
    const { approved, note = '', by = 'the program' } = await options.ask(request)
    await runs.answer(run.id, open.id, { approved, note, by })
  }
}

function resultOf(run: RunRecord): TickResult {
  const result = tickResultOf(run)
  if (result !== undefined) return result
  throw new LoopwrightError('conflict', `the tick ${run.id} has no result: ${run.reason ?? run.status}`)
}

function specOf(plan: Plan, options: TickOptions): TriageSpec {
  const { agent, checks = {}, gate, dryRun = false, item, propose, project = '/project' } = options
  return parseTriage({
    kind: 'triage',
    name: `${plan.pattern.name} [${plan.level}]`,
    pattern: plan.pattern,
    level: plan.level,
    root: project,
    dryRun,
    agent: agent.name,
    own: [plan.pattern.state],
    gate: { ...defaultGate, ...gate },
    verify: Object.keys(checks).map((name) => ({ name, argv: [name] })),
    deliver: propose === undefined ? 'branch' : 'pull_request',
    ...(item === undefined ? {} : { item }),
  })
}

interface World {
  readonly options: TickOptions
  readonly spec: TriageSpec
  readonly store: Store
  readonly clock: Clock
}

/** What the run has of the world: all of it was given. */
function servicesWith({ options, spec, store, clock }: World): (run: RunRecord) => Services {
  const { agent, findings = [], checks = {}, propose } = options
  const state = options.state ?? memoryState()
  const workspaces = options.workspaces ?? inMemory(spec.root, options.files)
  return (run) => {
    const workspace = () => workspaces.open({ run: run.id, project: run.project, isolation: 'worktree' })
    return {
      role: () => ({ agent, retries: spec.retries }),
      workspace: async () => held(await workspace()),
      runCommand: () => Promise.reject(new LoopwrightError('bad_input', 'a tick in memory starts no process')),
      runCheck: ({ name = '' }, place) => checked(name, checks[name], place),
      amounts: (usage) => usageAmounts(usage ?? {}),
      outputPath: () => undefined,
      hooks: {},
      desk: tickDesk({
        ...{ run, spec, store, clock, workspace, files: filesOf(state) },
        openBranches: async () => new Set(state.results.flatMap(({ branch }) => branch ?? [])),
        look: async () => ({ findings, skipped: [] }),
        propose: async (result) => (propose === undefined ? { why: 'nobody was given to ask' } : await propose(result)),
        merge: async () => ({ merged: false, reason: 'there is no branch of a user to merge into' }),
        tell: () => {},
      }),
    }
  }
}

function inMemory(
  project: string,
  files: Readonly<Record<string, string>> = { 'README.md': '# In memory\n' },
): Workspaces {
  const workspaces = memoryWorkspaces()
  workspaces.lay(project, files)
  return workspaces
}

async function checked(
  name: string,
  check: TickCheck | undefined,
  { cwd, files }: { readonly cwd: string; readonly files?: MemoryFiles },
): Promise<CheckResult> {
  const place = { path: cwd, ...(files === undefined ? {} : { files }) }
  let said: boolean | string
  try {
    said = (await check?.(place)) ?? 'there is no such check'
  } catch (error) {
    said = messageOf(error)
  }
  const ok = said === true
  const error = ok ? null : typeof said === 'string' ? said : 'it said no'
  return { name, ok, exit_code: ok ? 0 : 1, stdout: '', stderr: error ?? '', error, duration: 0 }
}

function filesOf(state: MemoryState): TickFiles {
  return {
    state: async () =>
      [state.note, ...state.results.slice(-shownTicks).map((one) => tickLines(one).join('\n'))].join('\n'),
    paused: async () => (/^\W*loop-pause-all\W*$/m.test(state.note) ? 'loop-pause-all is set' : undefined),
    attempts: async () => ({}),
    today: async () => ({ runs: 0, tokens: 0 }),
    decided: async (findings) => findings,
    write: async (result) => {
      // A step that is done again writes once.
      if (!state.results.some((one) => one.run === result.run && one.outcome === result.outcome)) state.add(result)
    },
  }
}
