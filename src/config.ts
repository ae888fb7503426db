import { homedir, userInfo } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import type { z } from 'zod'
import {
  type ConnectorSetting,
  connectorSecrets,
  connectorSettings,
  connectorText,
  connectorVariables,
} from './config/connectors.ts'
import { callingAgent, type Env, enclosingRun, fromEnvironment, secretValues } from './config/environment.ts'
import { type NotifySetting, notifySecrets, notifySettings, notifyText, withheldVariables } from './config/notify.ts'
import { absolute, findProject, isDirectory, readOptional } from './config/paths.ts'
import { type AgentTemplate, type FileConfig, type Price, projectConfig, userConfig } from './config/schema.ts'
import { LoopwrightError } from './core/errors.ts'
import { loopFileNames } from './core/loop-files.ts'
import type { SandboxSpec } from './core/spec/confine.ts'
import { goalSpec } from './core/spec/goal.ts'
import { type FileLoopSpec, problemError, schemaFor } from './core/spec/loop.ts'
import { problemsOf } from './core/spec/problems.ts'
import { repairSpec } from './core/spec/repair.ts'
import { parseOpenloop } from './formats/openloop.ts'
import { parseYaml, validate } from './formats/yaml.ts'

export { ensureHome, isInside } from './config/paths.ts'
export type { AgentTemplate, Price } from './config/schema.ts'

export type Layer = 'flag' | 'environment' | 'project' | 'user' | 'default'

/** Where a value comes from: its layer, and the flag, variable or file in words. */
export interface Source {
  readonly layer: Layer
  readonly from: string
}

/** A file as it was read, so that what is trusted is what was parsed. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

export interface Config {
  /** The run whose agent started this process: it may not decide what is a person's. */
  readonly within?: string
  /** The directory that holds `.loopwright`, or the working directory; a real path. */
  readonly project: string
  /** Where state is kept; absolute. Not made yet: see `ensureHome`. */
  readonly home: string
  /** The user's home directory; absolute. */
  readonly userHome: string
  /** Where the user's own config.yaml is, or would be; absolute. */
  readonly userFile: string
  readonly agent?: string
  readonly model?: string
  readonly concurrency: number
  readonly retries: number
  readonly isolation: 'worktree' | 'inplace'
  readonly cleanup: 'auto' | 'always' | 'never'
  /** Seconds without output or work after which an agent is ended; 0 = never. */
  readonly stall: number
  readonly fallback?: string
  /** What somebody set; a run's own settings come before it. */
  readonly sandbox: Partial<SandboxSpec>
  /** Durations in seconds, cost in US dollars. */
  readonly budget: NonNullable<FileConfig['budget']>
  readonly prices: Readonly<Record<string, Price>>
  readonly agents: Readonly<Record<string, AgentTemplate>>
  /** Agents whose command a project's file gives: they need trust. */
  readonly projectAgents: readonly string[]
  /** How triage loops work here. */
  readonly triage: NonNullable<FileConfig['triage']>
  /** Who is told of what happens; from the user alone. */
  readonly notify: readonly NotifySetting[]
  /** Servers that triage loops get findings from; from the user alone. */
  readonly connectors: readonly ConnectorSetting[]
  /** Variables with tokens of connectors, which no agent and no check of a triage loop is given. */
  readonly connectorVariables: ReadonlySet<string>
  /** Variables that no process we start is given. */
  readonly withheld: ReadonlySet<string>
  readonly noColor: boolean
  readonly ci: boolean
  readonly caller?: { readonly agent: string; readonly variable: string }
  /** For redaction only; never shown. */
  readonly secrets: readonly string[]
  readonly projectFile?: SourceFile
  readonly sources: ReadonlyMap<string, Source>
}

export interface ConfigInput {
  readonly cwd: string
  readonly env: Env
  /** Parsed flags by path, as in `{ agent: 'codex', 'budget.cost': 5 }`; `undefined` is not given. */
  readonly flags?: Readonly<Record<string, unknown>>
}

const defaults = {
  concurrency: 8,
  retries: 1,
  isolation: 'worktree',
  cleanup: 'auto',
  stall: 900,
  'budget.iterations': 4,
}

/**
 * Reads flags, environment, the project's and the user's config.yaml, and says of every value where it comes from.
 * A project's `.env` is never read. Throws `bad_input` with the file, line and column.
 */
export async function loadConfig({ cwd, env, flags = {} }: ConfigInput): Promise<Config> {
  // Node takes an empty HOME at its word: then it is not known where the user lives until the system is asked.
  const userHome = absolute(env.HOME) ?? absolute(homedir()) ?? userInfo().homedir
  const project = await findProject(cwd, userHome)
  const userPath = join(absolute(env.XDG_CONFIG_HOME) ?? join(userHome, '.config'), 'loopwright', 'config.yaml')
  const projectPath = join(project, '.loopwright', 'config.yaml')
  const userText = await readOptional(userPath)
  const projectText = await readOptional(projectPath, project)
  const user: FileConfig = userText === undefined ? {} : read(userConfig, userText, userPath)
  const {
    home: _,
    sandbox: __,
    notify: ___,
    connectors: ____,
    ...own
  } = projectText === undefined
    ? { home: undefined, sandbox: undefined, notify: undefined, connectors: undefined }
    : read(projectConfig, projectText, projectPath)
  const ours: FileConfig = own

  const values = new Map<string, unknown>()
  const sources = new Map<string, Source>()
  const set = (path: string, value: unknown, source: Source) => {
    if (value === undefined) return
    values.set(path, value)
    sources.set(path, source)
  }
  for (const [path, value] of Object.entries(defaults)) set(path, value, { layer: 'default', from: 'default' })
  for (const [path, value] of flatten(user)) set(path, value, { layer: 'user', from: userPath })
  for (const [path, value] of flatten(ours)) set(path, value, { layer: 'project', from: projectPath })
  for (const [path, { value, from }] of fromEnvironment(env)) set(path, value, { layer: 'environment', from })
  for (const [path, value] of Object.entries(flags))
    if (path !== 'home') set(path, value, { layer: 'flag', from: 'flag' })

  const [home, homeSource] = findHome(env, user.home, userHome, userPath)
  sources.set('home', homeSource)
  const merged = validateMerged(values)
  const noColor = (env.NO_COLOR ?? '') !== ''
  const ci = (env.CI ?? '') !== '' && env.CI !== 'false' && env.CI !== '0'
  sources.set('noColor', { layer: noColor ? 'environment' : 'default', from: noColor ? 'NO_COLOR' : 'default' })
  sources.set('ci', { layer: ci ? 'environment' : 'default', from: ci ? 'CI' : 'default' })
  const caller = callingAgent(env)
  const within = enclosingRun(env)
  const notify = notifySettings(user.notify, env, userPath)
  const connectors = connectorSettings(user.connectors, env, userPath)
  if (user.connectors !== undefined) sources.set('connectors', { layer: 'user', from: userPath })
  if (user.notify !== undefined) sources.set('notify', { layer: 'user', from: userPath })
  return {
    ...(within === undefined ? {} : { within }),
    project,
    home,
    userHome,
    userFile: userPath,
    ...(merged.agent === undefined ? {} : { agent: merged.agent }),
    ...(merged.model === undefined ? {} : { model: merged.model }),
    concurrency: merged.concurrency ?? 8,
    retries: merged.retries ?? 1,
    isolation: merged.isolation ?? 'worktree',
    cleanup: merged.cleanup ?? 'auto',
    stall: merged.stall ?? 900,
    ...(merged.fallback === undefined ? {} : { fallback: merged.fallback }),
    sandbox: merged.sandbox ?? {},
    budget: merged.budget ?? {},
    prices: merged.prices ?? {},
    agents: merged.agents ?? {},
    triage: merged.triage ?? {},
    projectAgents: Object.keys(ours.agents ?? {}),
    notify,
    connectors,
    connectorVariables: connectorVariables(user.connectors),
    withheld: withheldVariables(user.notify),
    noColor,
    ci,
    ...(caller === undefined ? {} : { caller }),
    secrets: [
      ...notifySecrets(notify),
      ...connectorSecrets(connectors),
      ...secretValues(env, ...Object.values(merged.agents ?? {}).map((agent) => agent.env ?? {})),
    ],
    ...(projectText === undefined ? {} : { projectFile: { path: projectPath, text: projectText } }),
    sources,
  }
}

/** A loop file, read. */
export interface LoadedLoop {
  readonly spec: FileLoopSpec
  /** What it says in the words of a loop file, without defaults. */
  readonly given: unknown
  /** What trust is asked for. */
  readonly source: SourceFile
  /** The project it is about, where it says so; absolute. */
  readonly project?: string
}

/** Reads a loop file, or an `openloop.json`. Throws `not_found` and `bad_input`. */
export async function loadSpecFile(path: string): Promise<LoadedLoop> {
  const text = await readOptional(path)
  if (text === undefined) throw new LoopwrightError('not_found', `${path}: there is no such file`)
  const source = { path, text }
  const here = dirname(resolve(path))
  if (basename(path) === 'openloop.json') {
    const { spec, input, projectRoot } = parseOpenloop(text, path, here)
    return { spec, given: input, source, project: resolve(here, projectRoot) }
  }
  const parsed = parseYaml(text, path)
  const schema = schemaFor(parsed.value)
  if (schema === repairSpec) {
    const spec = validate(repairSpec, parsed)
    const places = Object.fromEntries(
      (['folder', 'project'] as const).flatMap((key) =>
        spec[key] === undefined ? [] : [[key, resolve(here, spec[key])]],
      ),
    )
    const given = { ...(parsed.value as object), ...places }
    return { spec: { ...spec, ...places }, given, source, ...(places.project ? { project: places.project } : {}) }
  }
  if (schema !== goalSpec) validate(schema, parsed)
  return { spec: validate(goalSpec, parsed), given: parsed.value, source }
}

/**
 * The loop file that a path means: itself, or in a folder its `openloop.json`, which somebody put there on purpose, else the `loop.yaml`
 * that `init` writes. Throws `not_found`.
 */
export async function findLoopFile(path: string): Promise<string> {
  if (!(await isDirectory(path))) return path
  for (const name of loopFileNames) {
    const file = join(path, name)
    if ((await readOptional(file)) !== undefined) return file
  }
  throw new LoopwrightError('not_found', `${path}: no loop in this folder`, {
    hint: `make one: loopwright init --kind repair ${path}`,
  })
}

export interface ConfigRow {
  readonly key: string
  readonly value: string
  readonly source: string
}

/** Every value and where it comes from, for people. Environment given to agents is not shown: it may hold secrets. */
export function explainConfig(config: Config): ConfigRow[] {
  const rows: ConfigRow[] = []
  const row = (key: string, value: unknown) => {
    const source = config.sources.get(key)
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
    const shown = config.secrets.reduce((all, secret) => all.replaceAll(secret, '[redacted]'), text)
    const from = source === undefined || source.from === source.layer ? '' : ` (${source.from})`
    rows.push({ key, value: shown, source: `${source?.layer ?? 'default'}${from}` })
  }
  row('agent', config.agent ?? 'auto')
  row('model', config.model ?? 'the agent decides')
  for (const key of ['concurrency', 'retries', 'isolation', 'cleanup'] as const) row(key, config[key])
  row('stall', config.stall === 0 ? 'never' : `${config.stall}s`)
  if (config.fallback !== undefined) row('fallback', config.fallback)
  for (const [key, value] of Object.entries(config.sandbox)) row(`sandbox.${key}`, value)
  for (const [key, value] of Object.entries(config.budget)) row(`budget.${key}`, value)
  for (const [name, value] of Object.entries(config.prices)) row(`prices.${name}`, value)
  for (const [name, { env, ...rest }] of Object.entries(config.agents))
    row(`agents.${name}`, env === undefined ? rest : { ...rest, env: Object.keys(env) })
  for (const [key, value] of Object.entries(config.triage)) row(`triage.${key}`, value)
  for (const one of config.notify) rows.push({ key: 'notify', value: notifyText(one), source: one.from })
  for (const one of config.connectors) row('connectors', connectorText(one))
  for (const key of ['home', 'noColor', 'ci'] as const) row(key, config[key])
  return rows
}

function read<S extends z.ZodType>(schema: S, text: string, file: string): z.output<S> {
  const parsed = parseYaml(text, file)
  return validate(schema, parsed.value === null ? { ...parsed, value: {} } : parsed)
}

/** Settings by path: budget, prices and agents are merged entry by entry, so that a layer may add to the one below. */
function flatten(config: FileConfig): [string, unknown][] {
  return Object.entries(config).flatMap(([key, value]): [string, unknown][] => {
    if (key === 'home' || key === 'notify' || key === 'connectors') return []
    if (typeof value !== 'object' || value === null) return [[key, value]]
    return Object.entries(value).map(([inner, one]) => [`${key}.${inner}`, one])
  })
}

function validateMerged(values: ReadonlyMap<string, unknown>): FileConfig {
  const tree: Record<string, unknown> = {}
  for (const [path, value] of values) {
    const dot = path.indexOf('.')
    if (dot < 0) tree[path] = value
    else {
      const head = path.slice(0, dot)
      const inner = tree[head]
      tree[head] = { ...(typeof inner === 'object' ? inner : {}), [path.slice(dot + 1)]: value }
    }
  }
  const result = userConfig.safeParse(tree)
  if (result.success) return result.data
  throw problemError(problemsOf(userConfig, result.error.issues, tree))
}

function findHome(env: Env, configured: string | undefined, userHome: string, userPath: string): [string, Source] {
  const given = env.LOOPWRIGHT_HOME?.trim() ?? ''
  const [path, source]: [string | undefined, Source] =
    given !== ''
      ? [given, { layer: 'environment', from: 'LOOPWRIGHT_HOME' }]
      : [configured, { layer: 'user', from: userPath }]
  if (path === undefined) {
    const state = absolute(env.XDG_STATE_HOME)
    return state === undefined
      ? [join(userHome, '.local', 'state', 'loopwright'), { layer: 'default', from: 'default' }]
      : [join(state, 'loopwright'), { layer: 'environment', from: 'XDG_STATE_HOME' }]
  }
  if (!isAbsolute(path))
    throw new LoopwrightError(
      'bad_input',
      `${source.from}: the home of loopwright must be an absolute path, not ${path}`,
    )
  return [resolve(path), source]
}
