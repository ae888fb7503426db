import type { Config, Source, SourceFile } from '../config.ts'
import { loadSpecFile } from '../config.ts'
import { LoopwrightError } from '../core/errors.ts'
import { type GoalSpec, goalSpec } from '../core/spec/goal.ts'
import { parseWith } from '../core/spec/loop.ts'
import { parsePlan, planFormat } from '../formats/prd.ts'
import { parseYaml } from '../formats/yaml.ts'
import { readOptional } from './paths.ts'

export interface PrepareGoal {
  readonly config: Config
  /** A loop file; absolute. */
  readonly file?: string | undefined
  /** A backlog (prd.json, PRD.md); absolute. */
  readonly plan?: string | undefined
  /** What flags say, by path into a goal spec, as in `{ goal: 'x', 'budget.cost': 5 }`; `undefined` is not given. */
  readonly flags: Readonly<Record<string, unknown>>
}

/** A goal as it will run, and of every value that somebody gave where it comes from. */
export interface PreparedGoal {
  readonly spec: GoalSpec
  /** The loop file as it was read: what trust is asked for. */
  readonly source?: SourceFile
  readonly origins: ReadonlyMap<string, string>
}

/** Settings of a configuration that a goal takes over where it says nothing itself. */
const shared = ['agent', 'model', 'concurrency', 'retries', 'isolation', 'cleanup', 'stall', 'fallback'] as const

/**
 * Puts a goal together: flag > loop file > environment > project > user > default. Throws `bad_input` with the place of the
 * mistake, and `not_found` for a file that is not there.
 */
export async function prepareGoal({ config, file, plan, flags }: PrepareGoal): Promise<PreparedGoal> {
  const origins = new Map<string, string>()
  const tree: Record<string, unknown> = {}
  const put = (path: string, value: unknown, origin: string) => {
    if (value === undefined) return
    set(tree, path, value)
    origins.set(path, origin)
  }
  for (const key of shared) put(key, config[key], layerOf(config.sources.get(key)))
  for (const part of ['budget', 'sandbox'] as const) {
    for (const [key, value] of Object.entries(config[part])) {
      put(`${part}.${key}`, value, layerOf(config.sources.get(`${part}.${key}`)))
    }
  }
  let source: SourceFile | undefined
  if (file !== undefined) {
    const read = await loadSpecFile(file)
    source = read.source
    const { value } = parseYaml(read.source.text, file)
    for (const [path, one] of leaves(value)) put(path, one, file)
  }
  if (plan !== undefined) {
    const text = await readOptional(plan)
    if (text === undefined) throw new LoopwrightError('not_found', `${plan}: there is no such file`)
    const stories = parsePlan(text, planFormat(plan), plan)
    put('plan', { file: plan, stories }, plan)
    if (!('goal' in tree)) put('goal', 'Complete every story of the plan.', plan)
  }
  for (const [path, value] of Object.entries(flags)) put(path, value, 'flag')
  // A command given with a nearer word than the agent's name stands for the agent, and the other way round.
  if (flags.agentCommand !== undefined && flags.agent === undefined) delete tree.agent
  if (flags.agent !== undefined && flags.agentCommand === undefined) delete tree.agentCommand
  return { spec: parseWith(goalSpec, tree), origins, ...(source === undefined ? {} : { source }) }
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
