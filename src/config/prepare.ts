import type { Config, Source, SourceFile } from '../config.ts'
import { loadSpecFile } from '../config.ts'
import { LoopwrightError } from '../core/errors.ts'
import { type FileLoopSpec, parseLoop } from '../core/spec/loop.ts'
import { parsePlan, planFormat } from '../formats/prd.ts'
import { readOptional } from './paths.ts'

export interface PrepareLoop {
  readonly config: Config
  /** A loop file; absolute. Without one it is a goal. */
  readonly file?: string | undefined
  /** A backlog (prd.json, PRD.md); absolute. */
  readonly plan?: string | undefined
  /** What flags say, by path into a spec, as in `{ goal: 'x', 'budget.cost': 5 }`; `undefined` is not given. */
  readonly flags: Readonly<Record<string, unknown>>
}

/** A loop as it will run, and of every value that somebody gave where it comes from. */
export interface PreparedLoop {
  readonly spec: FileLoopSpec
  /** The loop file as it was read: what trust is asked for. */
  readonly source?: SourceFile
  /** The project it is about, where the file says so; absolute. */
  readonly project?: string
  readonly origins: ReadonlyMap<string, string>
}

/** Settings of a configuration that a loop takes over where it says nothing itself. */
const shared = ['agent', 'model', 'retries', 'isolation', 'cleanup', 'stall', 'fallback'] as const

/** What only a goal is told. */
const ofGoals: readonly string[] = [
  ...[
    'goal',
    'criteria',
    'verify',
    'verifyTimeout',
    'playwright',
    'concurrency',
    'attempts',
    'attemptAgents',
    'ask',
    'plan',
  ],
]

/**
 * Puts a loop together: flag > loop file > environment > project > user > default. Throws `bad_input` with the place of the
 * mistake, and `not_found` for a file that is not there.
 */
export async function prepareLoop({ config, file, plan, flags }: PrepareLoop): Promise<PreparedLoop> {
  const origins = new Map<string, string>()
  const tree: Record<string, unknown> = {}
  const put = (path: string, value: unknown, origin: string) => {
    if (value === undefined) return
    set(tree, path, value)
    origins.set(path, origin)
  }
  const read = file === undefined ? undefined : await loadSpecFile(file)
  const kind = read?.spec.kind ?? 'goal'
  for (const key of kind === 'goal' ? [...shared, 'concurrency' as const] : shared) {
    put(key, config[key], layerOf(config.sources.get(key)))
  }
  for (const part of ['budget', 'sandbox'] as const) {
    for (const [key, value] of Object.entries(config[part])) {
      put(`${part}.${key}`, value, layerOf(config.sources.get(`${part}.${key}`)))
    }
  }
  // A repair has a number of rounds of its own.
  if (kind !== 'goal' && config.sources.get('budget.iterations')?.layer === 'default')
    remove(tree, 'budget', 'iterations')
  if (read !== undefined && file !== undefined) {
    for (const [path, one] of leaves(read.given)) put(path, one, file)
  }
  if (plan !== undefined) {
    const text = await readOptional(plan)
    if (text === undefined) throw new LoopwrightError('not_found', `${plan}: there is no such file`)
    const stories = parsePlan(text, planFormat(plan), plan)
    put('plan', { file: plan, stories }, plan)
    if (!('goal' in tree)) put('goal', 'Complete every story of the plan.', plan)
  }
  for (const [path, value] of Object.entries(flags)) {
    if (value !== undefined && kind !== 'goal' && ofGoals.includes(path)) {
      throw new LoopwrightError('bad_input', `${path} goes with a goal, and ${file} is a ${kind} loop`, {
        hint: 'leave the flag out, or write it into the file as its kind has it',
      })
    }
    put(path, value, 'flag')
  }
  // `rounds` is another word for the same cap: the nearer one counts.
  if (flags['budget.iterations'] !== undefined) delete tree.rounds
  // A command given with a nearer word than the agent's name stands for the agent, and the other way round.
  if (flags.agentCommand !== undefined && flags.agent === undefined) delete tree.agent
  if (flags.agent !== undefined && flags.agentCommand === undefined) delete tree.agentCommand
  const readFacts =
    read === undefined ? {} : { source: read.source, ...(read.project ? { project: read.project } : {}) }
  return { spec: parseLoop(tree), origins, ...readFacts }
}

function layerOf(source: Source | undefined): string {
  if (source === undefined) return 'default'
  return source.from === source.layer ? source.layer : `${source.layer} (${source.from})`
}

/** A file's values by path; budgets and sandboxes are merged entry by entry, all else as a whole. */
function leaves(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, one]): [string, unknown][] => {
    if (key === 'sandbox' && typeof one === 'string') return [['sandbox.mode', one]]
    if ((key !== 'budget' && key !== 'sandbox') || typeof one !== 'object' || one === null) return [[key, one]]
    return Object.entries(one).map(([inner, part]) => [`${key}.${inner}`, part])
  })
}

function remove(tree: Record<string, unknown>, head: string, key: string): void {
  const inner = tree[head]
  if (typeof inner === 'object' && inner !== null) Reflect.deleteProperty(inner, key)
}

function set(tree: Record<string, unknown>, path: string, value: unknown): void {
  const dot = path.indexOf('.')
  if (dot < 0) {
    tree[path] = value
    return
  }
  const head = path.slice(0, dot)
  const inner = tree[head]
  tree[head] = { ...(typeof inner === 'object' ? inner : {}), [path.slice(dot + 1)]: value }
}
