import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Dimension, Spend } from '../../src/core/budget.ts'
import type { JournalEvent } from '../../src/core/event.ts'
import type { RunRecord } from '../../src/core/ports.ts'
import type { GoalResult } from '../../src/loops/goal/history.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { type Engine, processesOf, startEngine, until } from '../fixtures/engine.ts'
import type { EngineJob } from '../fixtures/engine-process.ts'
import { git, hashes, makeRepo, write } from '../fixtures/repo.ts'

/** The run's id, the same in every scene of this process, so that even its branch names compare. */
export const id = `crash-${process.pid}`
const branch = `refs/heads/loopwright/${id}`

/**
 * A worker as a program: it leaves a process behind that no terminal and no group holds, writes its part, and takes its time
 * between the parts. In the first iteration the third one gets in the way of the second, and the check is not content.
 */
const worker = `
cat >/dev/null
i=$LOOPWRIGHT_ITERATION; s=$LOOPWRIGHT_SUBGOAL
[ "$s" != s1 ] || setsid sleep 300 &
mkdir -p parts
echo "half of $s" >"parts/$s.txt"
sleep 0.15
echo "$s $i" >"parts/$s.txt"
if [ "$i" = 1 ] && [ "$s" != s1 ]; then echo "$s was here" >shared.txt; fi
[ -z "\${SLOW:-}" ] || [ ! -e "$SLOW" ] || sleep 300 || true
echo "did $s in iteration $i"
`

const script = `
subgoals: [one part, another part, a third part]
acceptOnIteration: 2
replies:
  - { role: decomposer, delayMs: 40, json: { subgoals: [{ id: s1, description: one }, { id: s2, description: two }, { id: s3, description: three }] } }
`

/** Each call in flight holds an eighth of it, and what was held when a driver died counts as spent. */
const tokenCap = 1_000_000
const allowance = tokenCap / 8

/** A fresh repository with things its owner left lying about, and all a run needs. */
export function makeScene(at: string, caps: { readonly tokens?: number } = { tokens: tokenCap }) {
  const project = join(at, 'project')
  const home = join(at, 'home')
  makeRepo(project, {
    'check.sh': 'sleep 0.05\ngrep -q 2 parts/s1.txt && grep -q 2 parts/s2.txt && grep -q 2 parts/s3.txt\n',
    'shared.txt': 'as it was\n',
    'staged.txt': 'one\n',
    'README.md': 'hello\n',
  })
  write(project, { 'staged.txt': 'two\n', 'untracked.txt': 'mine\n', 'README.md': 'hello, changed\n' })
  git(project, 'add', 'staged.txt')
  write(at, { 'worker.sh': worker, 'script.yaml': script })
  const before = userState(project)
  const job: EngineJob = {
    home,
    project,
    id,
    agents: { hand: ['sh', join(at, 'worker.sh')] },
    spec: {
      goal: 'make the check pass',
      criteria: ['it passes'],
      agent: `scripted:${join(at, 'script.yaml')}`,
      roles: { worker: { agent: 'hand' } },
      verify: ['sh check.sh'],
      budget: { iterations: 4, agentCalls: 500, ...caps },
    },
  }
  return { at, project, home, job, before }
}
export type Scene = ReturnType<typeof makeScene>

/** What is the user's own: files, index, status, HEAD, refs but the run's. */
function userState(project: string): unknown {
  const files = [...hashes(project)].filter(
    ([path]) => !/^\.git\/(objects|logs|refs\/heads\/loopwright)\//.test(path) && !path.startsWith('.loopwright/runs/'),
  )
  const refs = git(project, 'for-each-ref').split('\n')
  return {
    files: Object.fromEntries(files.sort()),
    status: git(project, '--no-optional-locks', 'status', '--porcelain'),
    head: git(project, 'rev-parse', 'HEAD') + git(project, 'symbolic-ref', 'HEAD'),
    refs: refs.filter((ref) => !ref.includes(`loopwright/${id}`)),
  }
}

/** What a run came to, as the store and the repository hold it. */
export interface Outcome {
  readonly run: RunRecord
  readonly events: readonly JournalEvent[]
  readonly spend: Spend
  readonly tree: string
  readonly verdicts: unknown
}

export async function outcomeOf(scene: Scene): Promise<Outcome> {
  const { run, events, spend } = await look(scene)
  if (!run) throw new Error('the run was never made')
  const result = run.result as unknown as GoalResult
  const verdicts = {
    completed: result.completed,
    reason: result.stop_reason,
    output: result.final_output,
    history: result.history.map((item) => ({
      ...item,
      verification: item.verification.map(({ name, ok, exit_code }) => ({ name, ok, exit_code })),
    })),
  }
  return { run, events, spend, verdicts, tree: git(scene.project, 'rev-parse', `${branch}^{tree}`).trim() }
}

async function look(scene: Scene) {
  const store = await openSqliteStore({ path: join(scene.home, 'loopwright.db') })
  try {
    const run = await store.getRun(id)
    const events = run ? await store.read(id) : []
    return { run, events, spend: await store.spend(`run:${id}`) }
  } finally {
    await store.close()
  }
}

/** How many agent calls were under way, by the journal as a dead driver left it. */
export async function inFlight(scene: Scene): Promise<{ readonly seq: number; readonly calls: number }> {
  if (!existsSync(join(scene.home, 'loopwright.db'))) return { seq: 0, calls: 0 }
  const { events } = await look(scene)
  const open = new Set<string>()
  for (const event of events) {
    if (event.kind === 'run_claimed') open.clear()
    if (event.kind === 'step_started' && event.effect === 'agent') open.add(event.key)
    if (event.kind === 'step_settled' || event.kind === 'step_aborted') open.delete(event.key)
  }
  return { seq: events.at(-1)?.seq ?? 0, calls: open.size }
}

/** Drives the run to its end, however often it takes, and shows that no engine ever worked beside what an earlier one had started. */
export async function driveToEnd(scene: Scene, engines: readonly Engine[] = []): Promise<void> {
  const engine = startEngine(scene.job)
  const how = await engine.gone
  const said = [...engines, engine].flatMap((each) => each.said)
  expect(how, `${JSON.stringify(engine.said)} ${engine.stderr()}`).toBe(0)
  expect(engine.said.at(-1)).toEqual({ status: 'done', reason: 'done' })
  for (const each of said) if (each.leftOver) expect(each.leftOver).toEqual([])
}

/** All that must hold after any number of kills. `lost` counts the agent calls in flight at the kills. */
export async function expectSameAs(calm: Outcome, scene: Scene, lost: number): Promise<void> {
  const now = await outcomeOf(scene)
  expect(now.verdicts).toEqual(calm.verdicts)
  expect(now.tree).toBe(calm.tree)

  const keys = (kind: JournalEvent['kind'], events: readonly JournalEvent[]) =>
    events.flatMap((event) => (event.kind === kind && 'key' in event ? [event.key] : [])).sort()
  for (const kind of ['step_settled', 'iteration_started'] as const) {
    const settled = keys(kind, now.events)
    expect(new Set(settled).size, `${kind} twice`).toBe(settled.length)
    expect(settled).toEqual(keys(kind, calm.events))
  }
  expect(now.events.filter((event) => event.kind === 'run_finished')).toHaveLength(1)

  const used = (outcome: Outcome, what: Dimension) => outcome.spend.used[what] ?? 0
  expect(used(now, 'iterations')).toBe(used(calm, 'iterations'))
  expect(used(now, 'agentCalls')).toBeGreaterThanOrEqual(used(calm, 'agentCalls'))
  expect(used(now, 'agentCalls')).toBeLessThanOrEqual(used(calm, 'agentCalls') + lost)
  expect(used(now, 'agents')).toBeLessThanOrEqual(used(calm, 'agents') + lost)
  expect(used(now, 'tokens')).toBeLessThanOrEqual(used(calm, 'tokens') + lost * allowance)

  expect(subjects(scene)).toEqual(calmSubjects.get(calm) ?? subjects(scene))
  expect(new Set(stepsOf(scene)).size, 'a commit twice').toBe(stepsOf(scene).length)

  expect(userState(scene.project)).toEqual(scene.before)
  await until('every process of the run is gone', () => processesOf(id).length === 0)
  expectFolder(scene, now)
  git(scene.project, 'fsck', '--no-dangling')
}

const calmSubjects = new WeakMap<Outcome, string[]>()

/** The outcome that the others are held against. */
export async function calmOutcome(scene: Scene): Promise<Outcome> {
  await driveToEnd(scene)
  const calm = await outcomeOf(scene)
  calmSubjects.set(calm, subjects(scene))
  await expectSameAs(calm, scene, 0)
  return calm
}

function subjects(scene: Scene): string[] {
  return git(scene.project, 'log', '--format=%s', branch).trim().split('\n').sort()
}

/** What each commit was made for; a merge is told from the others of its step by its worker. */
function stepsOf(scene: Scene): string[] {
  const trailer = (key: string) => `%(trailers:key=${key},valueonly,separator=%x2C)`
  return git(scene.project, 'log', `--format=${trailer('Loopwright-Step')} ${trailer('Loopwright-Worker')}`, branch)
    .split('\n')
    .filter((line) => line.trim() !== '')
}

/** The run folder says what the journal says, every line once. */
function expectFolder(scene: Scene, outcome: Outcome): void {
  const file = (name: string) => readFileSync(join(scene.project, '.loopwright', 'runs', id, name), 'utf8')
  const lines = file('events.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly kind: string; readonly seq: number })
  const seqs = lines.map((line) => line.seq)
  expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
  const count = (kind: string) => lines.filter((line) => line.kind === kind).length
  expect(count('iteration_finished')).toBe((outcome.run.result as unknown as GoalResult).iterations)
  expect(JSON.parse(file('status.json'))).toMatchObject({ status: 'done', completed: true })
  expect(JSON.parse(file('result.json'))).toMatchObject({ run_id: id, completed: true })
}

/** A `git` that kills who called it, before or after the real one did its work, at the n-th call that has `word` among its words. */
export function armGit(scene: Scene, trap: { readonly word: string; readonly nth: number; readonly after: boolean }) {
  const bin = join(scene.at, 'bin')
  const armed = join(scene.at, 'armed')
  const real = (process.env.PATH ?? '').split(':').find((each) => existsSync(join(each, 'git'))) ?? '/usr/bin'
  mkdirSync(bin)
  for (let n = 1; n <= trap.nth; n++) mkdirSync(join(armed, String(n)), { recursive: true })
  const kill = 'kill -9 $PPID'
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh
sprung=
case " $* " in *" ${trap.word} "*)
  for each in "${armed}"/*; do rmdir "$each" 2>/dev/null && break; done
  rmdir "${armed}" 2>/dev/null && sprung=1 ;;
esac
[ -n "$sprung" ] || exec "${real}/git" "$@"
${trap.after ? '' : kill}
"${real}/git" "$@"
code=$?
${trap.after ? kill : ''}
exit $code
`,
  )
  chmodSync(join(bin, 'git'), 0o755)
  return { PATH: `${bin}:${process.env.PATH ?? ''}`, sprung: () => !existsSync(armed) }
}
